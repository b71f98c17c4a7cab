// Several ranks, each a thread with a device of its own and its share of every batch, train what
// one device trains with whole batches: the same losses, and the same bits on each of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "models/architecture.h"
#include "runtime/backend/thread_ranks.h"
#include "runtime/base/error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/cuda/device_pair.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

// The emulated device is one for the process: ranks take turns on it.
ThreadRanksOptions ranks_of(std::string_view device) {
  ThreadRanksOptions options;
  if (device == kEmulatedCudaDevice) {
    options.one_at_a_time = true;
    options.queue = [](Stream* stream, std::function<void()> work) {
      emulated::queue_library_call(*stream, std::move(work));
    };
  }
  return options;
}

// x[batch, 3, 8, 8] -> Conv -> InstanceNormalization -> Relu -> GlobalAveragePool -> y[batch, 3].
void write_cnn(const std::string& path) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 3, 8, 8})};
  parts.outputs = {value_info("y", {-1, 3})};
  parts.initializers = {floats("conv.weight", {8, 3, 3, 3}, tiny_values(8 * 27, 1)),
                        floats("conv.bias", {8}, tiny_values(8, 2)),
                        floats("norm.weight", {8}, tiny_values(8, 5)),
                        floats("norm.bias", {8}, tiny_values(8, 6)),
                        floats("head.weight", {3, 8}, tiny_values(24, 3)),
                        floats("head.bias", {3}, tiny_values(3, 4))};
  parts.nodes = {
      node("Conv", {"x", "conv.weight", "conv.bias"}, {"h"}, {}, "conv"),
      node("InstanceNormalization", {"h", "norm.weight", "norm.bias"}, {"n"}, {}, "norm"),
      node("Relu", {"n"}, {"a"}, {}, "relu"),
      node("GlobalAveragePool", {"a"}, {"p"}, {}, "pool"),
      node("Flatten", {"p"}, {"f"}, {}, "flatten"),
      node("Gemm", {"f", "head.weight", "head.bias"}, {"y"}, {int_attribute("transB", 1)}, "head")};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

void write_pictures(const std::string& path, std::int64_t rows, std::uint64_t seed) {
  std::vector<std::int64_t> target;
  for (std::int64_t row = 0; row < rows; ++row) {
    target.push_back(row % 3);
  }
  write_npz(path, {{"x", Tensor::from<float>(DType::kFloat32, {rows, 3, 8, 8},
                                             tiny_values(rows * 3 * 8 * 8, seed))},
                   {"target", Tensor::from<std::int64_t>(DType::kInt64, {rows}, target)}});
}

// Tokens of a small gpt, each with the next one as its target.
void write_tokens(const std::string& path, std::int64_t rows, std::uint64_t seed) {
  constexpr std::int64_t kContext = 6, kTokens = 11;
  std::vector<std::int64_t> tokens, next;
  for (const float value : tiny_values(rows * kContext, seed)) {
    tokens.push_back(static_cast<std::int64_t>((value + 1) * 5.49f) % kTokens);
    next.push_back((tokens.back() * 3 + 1) % kTokens);
  }
  write_npz(path, {{"tokens", Tensor::from<std::int64_t>(DType::kInt64, {rows, kContext}, tokens)},
                   {"target", Tensor::from<std::int64_t>(DType::kInt64, {rows, kContext}, next)}});
}

struct Case {
  const char* name;
  std::string_view device;
  int ranks;
  const char* model;  // "tiny", "batchnorm", "cnn", "gpt"
  Lines lines;
  double tolerance = 1e-6;  // of each tensor, by norm
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Ranks : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (GetParam().device == kEmulatedCudaDevice && !has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }

  Recipe recipe(const std::string& out) {
    const Case& c = GetParam();
    const std::string model = c.model;
    const std::string path = folder_.path("model.onnx"), train = folder_.path("train.npz"),
                      val = folder_.path("val.npz");
    if (!written_) {
      if (model == "cnn") {
        write_cnn(path);
        write_pictures(train, 38, 5);
        write_pictures(val, 10, 6);
      } else if (model == "gpt") {
        models::write_model(models::make_model(models::find_architecture("gpt"),
                                               {{"vocabulary", std::int64_t{11}},
                                                {"context", std::int64_t{6}},
                                                {"layers", std::int64_t{1}},
                                                {"heads", std::int64_t{2}},
                                                {"width", std::int64_t{8}},
                                                {"dropout", 0.1}},
                                               0),
                            path);
        write_tokens(train, 38, 5);
        write_tokens(val, 10, 6);
      } else {
        write_tiny_model(path, {model == "batchnorm", 0.3, 8});
        write_tiny_data(train, 38, 5);
        write_tiny_data(val, 10, 6);
      }
      written_ = true;
    }
    Lines lines = {std::string("train.device=\"") + std::string(c.device) + "\"",
                   "data.val=\"" + val + "\"", "data.batch_size=7", "train.epochs=4"};
    // Their gradient is rounding alone, of which Adam makes whole steps.
    if (model == "cnn") {
      lines.emplace_back("model.freeze=[\"conv.bias\"]");
    } else if (model == "gpt") {
      lines.emplace_back("model.freeze=[\"h.0.attn.c_attn.bias\"]");
    }
    lines.insert(lines.end(), c.lines.begin(), c.lines.end());
    return tiny_recipe(path, train, folder_.path(out), lines);
  }

  // The runs of all ranks, each with a folder of its own.
  std::vector<RunRecord> run_ranks(std::int64_t bucket_bytes = EngineOptions().bucket_bytes) {
    const Case& c = GetParam();
    std::vector<Recipe> recipes;
    for (int rank = 0; rank < c.ranks; ++rank) {
      recipes.push_back(recipe(concat("rank", rank)));
    }
    std::vector<RunRecord> records(recipes.size());
    ThreadRanks threads(c.ranks, ranks_of(c.device));
    threads.run([&](Communicator& rank) {
      EngineOptions options;
      options.ranks = &rank;
      options.bucket_bytes = bucket_bytes;
      const auto at = static_cast<std::size_t>(rank.rank());
      records[at] = run_tiny(recipes[at], false, nullptr, options);
    });
    reductions_ = threads.reductions();
    return records;
  }

  TempFolder folder_;
  bool written_ = false;
  std::int64_t reductions_ = 0;
};

TEST_P(Ranks, TrainWhatOneDeviceTrains) {
  const RunRecord alone = run_tiny(recipe("alone"), false);
  const std::vector<RunRecord> ranks = run_ranks();
  for (std::size_t r = 1; r < ranks.size(); ++r) {
    EXPECT_EQ(ranks[r].variables, ranks[0].variables) << "rank " << r << " has other bits";
    EXPECT_EQ(ranks[r].log, ranks[0].log);
  }
  ASSERT_GE(alone.losses.size(), 8u);
  if (std::string(GetParam().model) == "batchnorm") {
    return;  // normalised by the rows of a rank, as PyTorch's DistributedDataParallel
  }
  const double tolerance = GetParam().tolerance;
  expect_near_runs(alone, ranks[0], {10 * tolerance, 10 * tolerance, tolerance, tolerance});
}

// One for the loss, then one for all gradients or for each of the four.
TEST_P(Ranks, MeetOncePerStepForTheLossAndOncePerBucket) {
  const auto steps = static_cast<std::int64_t>(run_ranks().front().losses.size());
  const bool accumulates =
      !GetParam().lines.empty() && GetParam().lines.back() == "train.accumulate=2";
  // Of 6 batches each of the 4 epochs has 3 groups of 2, with one sum of gradients each.
  EXPECT_EQ(reductions_, accumulates ? 4 * (6 + 3) : 2 * steps);
  for (int rank = 0; rank < GetParam().ranks; ++rank) {
    std::filesystem::remove_all(folder_.path(concat("rank", rank)));
  }
  const std::vector<RunRecord> alone = run_ranks(1);
  if (std::string(GetParam().model) == "tiny" && !accumulates &&
      std::string(GetParam().name) != "frozen") {
    EXPECT_EQ(reductions_, (1 + 4) * steps);
  }
  EXPECT_EQ(alone[0].variables, alone[1].variables);
}

const std::string kAccumulate = "train.accumulate=2";

INSTANTIATE_TEST_SUITE_P(
    OnCpu, Ranks,
    testing::Values(
        Case{"perceptron_2", "cpu", 2, "tiny", {}}, Case{"perceptron_3", "cpu", 3, "tiny", {}},
        Case{"clipped", "cpu", 2, "tiny", {"clip.norm=0.5"}},
        Case{"clipped_by_value", "cpu", 3, "tiny", {"clip.value=0.02"}},
        Case{"accumulated", "cpu", 2, "tiny", {"clip.norm=0.5", kAccumulate}},
        Case{"accumulated_batches",
             "cpu",
             3,
             "tiny",
             {"train.accumulate_by=\"batches\"", kAccumulate}},
        Case{"weighted_classes", "cpu", 3, "tiny", {"loss.weight=[1.0,3.0,0.5]"}},
        Case{"weighted_accumulated", "cpu", 2, "tiny", {"loss.weight=[1.0,3.0,0.5]", kAccumulate}},
        Case{"weighted_batches",
             "cpu",
             2,
             "tiny",
             {"loss.weight=[1.0,3.0,0.5]", "train.accumulate_by=\"batches\"", kAccumulate}},
        Case{"penalised", "cpu", 3, "tiny", {"loss.l1=0.01", "loss.l2=0.02"}},
        Case{"penalised_accumulated", "cpu", 2, "tiny", {"loss.l2=0.02", kAccumulate}},
        Case{"batchnorm", "cpu", 2, "batchnorm", {"data.drop_last=true"}},
        Case{"frozen", "cpu", 2, "tiny", {"model.freeze=[\"w1\"]"}},
        Case{"cnn_2", "cpu", 2, "cnn", {}}, Case{"cnn_3", "cpu", 3, "cnn", {"clip.norm=0.1"}},
        Case{"gpt_2", "cpu", 2, "gpt", {}}, Case{"gpt_3", "cpu", 3, "gpt", {kAccumulate}}),
    [](const auto& tested) { return std::string(tested.param.name); });

INSTANTIATE_TEST_SUITE_P(
    OnEmulatedDevices, Ranks,
    testing::Values(Case{"perceptron_2", kEmulatedCudaDevice, 2, "tiny", {"clip.norm=0.5"}},
                    Case{"perceptron_3", kEmulatedCudaDevice, 3, "tiny", {kAccumulate}},
                    Case{
                        "fp16", kEmulatedCudaDevice, 2, "tiny", {"train.precision=\"fp16\""}, 1e-3},
                    Case{"cnn_2", kEmulatedCudaDevice, 2, "cnn", {}},
                    Case{"cnn_3", kEmulatedCudaDevice, 3, "cnn", {"clip.norm=0.1"}},
                    Case{"gpt_2", kEmulatedCudaDevice, 2, "gpt", {}}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace temper::training
