// What a run holds beside its plan: no copy of the weights after they are loaded, and pieces of
// about a megabyte while a checkpoint or a model is written or read.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tests/allocations/allocation_count.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "training/records/run_export.h"

namespace temper::training {
namespace {

using test::MeasuredBytes;
using Lines = std::vector<std::string>;

constexpr std::int64_t kMebi = std::int64_t{1} << 20;
constexpr std::int64_t kWide = 2048, kNarrow = 1024;
constexpr std::int64_t kWeightBytes = 2 * kWide * kNarrow * 4;  // of the two large ones: 16 MiB
// Graphs, plans, names, oneDNN's primitives: what does not grow with the weights.
constexpr std::int64_t kSmall = 4 * kMebi;

// x[batch, 6] -> 1024 -> 2048 -> 1024 -> y[batch, 3], with its large weights inside the file or in
// one beside it.
void write_wide_model(const std::string& path, bool external) {
  using namespace test;
  const std::string data_path = path + ".data";
  std::ofstream data(data_path, std::ios::binary);
  std::int64_t offset = 0;
  const auto weight = [&](const std::string& name, const Dims& dims, std::uint64_t seed) {
    std::vector<float> values = tiny_values(dims[0] * dims[1], seed);
    for (float& value : values) {
      value *= 0.05f;
    }
    if (!external) {
      return floats(name, dims, values);
    }
    const std::string bytes = Message::raw(values);
    data << bytes;
    offset += static_cast<std::int64_t>(bytes.size());
    return external_tensor(name, dims, std::filesystem::path(data_path).filename().string(),
                           offset - static_cast<std::int64_t>(bytes.size()),
                           static_cast<std::int64_t>(bytes.size()));
  };
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {weight("w1", {kTinyInputs, kNarrow}, 1), weight("w2", {kNarrow, kWide}, 2),
                        weight("w3", {kWide, kNarrow}, 3),
                        weight("w4", {kNarrow, kTinyClasses}, 4)};
  parts.nodes = {node("MatMul", {"x", "w1"}, {"a"}), node("Relu", {"a"}, {"b"}),
                 node("MatMul", {"b", "w2"}, {"c"}), node("Relu", {"c"}, {"d"}),
                 node("MatMul", {"d", "w3"}, {"e"}), node("Relu", {"e"}, {"f"}),
                 node("MatMul", {"f", "w4"}, {"y"})};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

class MemoryAroundStep : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (!test::can_count()) {
      GTEST_SKIP() << "this build has an allocator of its own (sanitizers)";
    }
    std::string name = std::filesystem::temp_directory_path() / "temper-test-XXXXXX";
    folder_ = mkdtemp(name.data());
    write_wide_model(path("wide.onnx"), GetParam());
    write_tiny_data(path("train.npz"), 6, 5);
    write_tiny_data(path("val.npz"), 2, 6);
  }
  void TearDown() override {
    if (!folder_.empty()) {
      test::stop_measuring();
      std::filesystem::remove_all(folder_);
    }
  }
  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  Recipe recipe(const Lines& more = {}) const {
    Lines lines = {"data.batch_size=1",  "data.val=\"" + path("val.npz") + "\"",
                   "train.steps=6",      "train.eval_every=3",
                   "checkpoint.every=3", "optimizer.lr=0.001",
                   "train.threads=2"};
    lines.insert(lines.end(), more.begin(), more.end());
    return tiny_recipe(path("wide.onnx"), path("train.npz"), path("run"), lines);
  }

  std::string folder_;
};

// The most over what is in use at the end of a step.
class PeakBetweenSteps : public RunObserver {
 public:
  void stepped(const RunProgress&) override {
    const MeasuredBytes now = test::measured();
    if (steps++ > 0) {
      over = std::max(over, now.peak - std::max(live_, now.live));
      grown = std::max(grown, now.live - live_);
    }
    live_ = now.live;
    test::restart_peak();
  }
  bool judges_best() const override { return true; }
  void best_judged(const SetMetrics&, const std::vector<std::string>&) override { ++judged; }

  std::int64_t over = 0, grown = 0;
  int steps = 0, judged = 0;

 private:
  std::int64_t live_ = 0;
};

TEST_P(MemoryAroundStep, IsThePlanAndNoCopyOfTheWeights) {
  test::start_measuring();
  Session session(recipe());
  EXPECT_LT(test::measured().peak, kSmall) << "the weights are read when there is a place for them";
  RunObserver nobody;
  Trainer trainer(session, nobody, false);
  const MemoryPlan planned = trainer.prepare();
  const MeasuredBytes now = test::measured();
  // AdamW: weights and two moments, and a gradient.
  EXPECT_LT(planned.variables, 3 * kWeightBytes + kMebi);
  EXPECT_LT(planned.gradients, kWeightBytes + kMebi);
  EXPECT_GT(planned.variables + planned.gradients, 4 * kWeightBytes);
  EXPECT_LT(now.live, planned.total() + kSmall);
  EXPECT_LT(now.peak, planned.total() + kSmall);
}

TEST_P(MemoryAroundStep, GrowsByPiecesWhileCheckpointsAndModelsAreWritten) {
  {
    Session session(recipe());
    PeakBetweenSteps peak;
    Trainer trainer(session, peak, false);
    test::start_measuring();
    trainer.run();
    EXPECT_EQ(peak.steps, 6);
    EXPECT_LT(peak.over, kSmall);   // evaluation, the best model, a checkpoint
    EXPECT_LT(peak.grown, kSmall);  // and nothing stays of it
    const MeasuredBytes end = test::measured();
    EXPECT_EQ(peak.judged, 1);
    EXPECT_LT(end.peak - end.live, kSmall);  // the last model, and the best one in its place
    test::stop_measuring();
    EXPECT_TRUE(std::filesystem::exists(path("run/last.onnx")));
    EXPECT_TRUE(std::filesystem::exists(path("run/best.onnx")));
    EXPECT_FALSE(std::filesystem::is_empty(path("run/checkpoints")));
  }
  test::start_measuring();
  export_run(path("run"), path("exported.onnx"), false);
  EXPECT_LT(test::measured().peak, kSmall);
}

TEST_P(MemoryAroundStep, IsTheSameWhenARunIsResumed) {
  const RunRecord whole = run_tiny(recipe(), false);
  std::filesystem::rename(path("run"), path("whole"));
  run_tiny(recipe(), false, [](const StepView& view) { return view.progress.step == 4; });
  Session session(recipe());
  PeakBetweenSteps peak;
  Trainer trainer(session, peak, true);
  const MemoryPlan planned = trainer.prepare();
  test::start_measuring();
  trainer.run();
  const MeasuredBytes end = test::measured();
  EXPECT_LT(end.peak, kSmall) << "over " << planned.total();
  test::stop_measuring();
  EXPECT_EQ(test::TemporaryFolder::read_all(path("run/last.onnx")),
            test::TemporaryFolder::read_all(path("whole/last.onnx")));
}

// Of /proc/self/status, in bytes.
std::int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) {
      return std::stoll(line.substr(key.size())) * 1024;
    }
  }
  return 0;
}

// Notes what is resident after the first step, which touches all that steps use, and starts the
// peak again.
class ResidentAfterFirstStep : public RunObserver {
 public:
  void stepped(const RunProgress&) override {
    if (steps++ == 0) {
      bytes = status_bytes("VmRSS:");
      std::ofstream clear("/proc/self/clear_refs");
      restarted = (clear << "5" << std::flush) && status_bytes("VmHWM:") <= bytes + kMebi;
    }
  }

  int steps = 0;
  std::int64_t bytes = 0;
  bool restarted = false;
};

// Pages of a mapped file are no allocation, and count all the same.
TEST_P(MemoryAroundStep, HoldsNoPagesOfTheFilesItReadsAndWrites) {
  {
    run_tiny(recipe(), false);  // code and libraries are resident after it
    std::filesystem::remove_all(path("run"));
  }
  Session session(recipe());
  ResidentAfterFirstStep first;
  Trainer trainer(session, first, false);
  trainer.prepare();
  trainer.run();
  if (!first.restarted) {
    GTEST_SKIP() << "this system does not start the peak of resident memory again";
  }
  EXPECT_EQ(first.steps, 6);
  EXPECT_LT(status_bytes("VmHWM:") - first.bytes, kWeightBytes / 2);
}

TEST_P(MemoryAroundStep, HasVariablesOnceAtTheBorderOfTwoStages) {
  Recipe staged = recipe();
  staged.train.steps = 0;
  staged.stages.resize(2);
  staged.stages[0].epochs = staged.stages[1].epochs = 1;
  staged.stages[0].freeze = {"w2"};
  Session session(staged);
  PeakBetweenSteps peak;
  Trainer trainer(session, peak, false);
  test::start_measuring();
  trainer.run();
  EXPECT_EQ(peak.steps, 12);
  EXPECT_LT(peak.over, kSmall);                         // over the second stage, which takes more
  EXPECT_GT(peak.grown, 3 * kWeightBytes / 2 - kMebi);  // two moments and a gradient of w2
}

INSTANTIATE_TEST_SUITE_P(Weights, MemoryAroundStep, testing::Bool(),
                         [](const auto& it) { return it.param ? "BesideTheFile" : "InTheFile"; });

}  // namespace
}  // namespace temper::training
