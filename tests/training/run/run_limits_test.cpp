// How long a run is, how much of the data it sees, what is frozen meanwhile, and which models stay.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "runtime/base/error.h"
#include "tests/training/support/tiny_runs.h"
#include "training/settings/duration.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class RunLimits : public TinyRuns {
 protected:
  std::size_t files_in(const std::string& folder) const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder_.path(folder)), {}));
  }
};

TEST_F(RunLimits, LimitBatchesEndsEachEpochEarlyAndResumesWithTheSameBits) {
  const Lines lines = {"train.limit_batches=4", "train.limit_val_batches=1"};
  const RunRecord whole = run_tiny(recipe("whole", lines), false);
  EXPECT_EQ(whole.result.steps, 12);
  EXPECT_EQ(whole.result.final_evaluation.samples, 4);
  run_tiny(recipe("cut", lines), false,
           [](const StepView& view) { return view.progress.step == 6; });
  const RunRecord resumed = run_tiny(recipe("cut", lines), true);
  EXPECT_EQ(whole.variables, resumed.variables);
  EXPECT_EQ(whole.log, resumed.log);
}

TEST_F(RunLimits, OverfitBatchesValidatesOnTheRowsItTrainsOn) {
  const RunRecord run = run_tiny(
      recipe("out", {"train.overfit_batches=2", "train.epochs=100", "optimizer.lr=0.05"}), false);
  EXPECT_EQ(run.result.steps, 200);
  EXPECT_EQ(run.result.final_evaluation.samples, 8);
  EXPECT_LT(run.result.final_evaluation.loss, 0.05);  // eight rows are learned by heart
}

TEST_F(RunLimits, MaxTimeEndsTheRunWithACheckpointAndTheLastModel) {
  const RunRecord whole = run_tiny(recipe("whole"), false);
  const RunRecord none = run_tiny(recipe("cut", {"train.max_time=\"0 s\""}), false);
  EXPECT_EQ(none.result.outcome, RunOutcome::kTimeIsUp);
  EXPECT_EQ(none.result.steps, 0);
  EXPECT_TRUE(std::filesystem::exists(folder_.path("cut/last.onnx")));
  const RunRecord resumed = run_tiny(recipe("cut", {"train.max_time=\"1 h\""}), true);
  EXPECT_EQ(resumed.result.outcome, RunOutcome::kFinished);
  EXPECT_EQ(whole.variables, resumed.variables);
}

TEST_F(RunLimits, TheBestModelsStayAndNoMore) {
  const RunRecord run = run_tiny(
      recipe("out", {"checkpoint.top_k=2", "train.eval_every=3", "train.epochs=4"}), false);
  EXPECT_EQ(files_in("out/top"), 2u);
  EXPECT_EQ(read_bytes(folder_.path("out/best.onnx")),
            read_bytes(folder_.path("out/top/step-" + std::to_string(run.result.best_step) +
                                    "/model.onnx")));
}

TEST_F(RunLimits, CheckpointsByRunningTimeReplaceThoseOfEachEpoch) {
  run_tiny(recipe("out", {"checkpoint.minutes=60"}), false);
  EXPECT_EQ(files_in("out/checkpoints"), 1u);  // the last one
}

TEST_F(RunLimits, TheHistoryHasARowForTheModelAsGivenAndOneForEachEpoch) {
  run_tiny(recipe("out"), false);
  std::istringstream lines(read_bytes(folder_.path("out/history.csv")));
  std::string header;
  std::getline(lines, header);
  EXPECT_TRUE(header.starts_with("epoch,step,train/loss,train/accuracy,opt/lr")) << header;
  EXPECT_NE(header.find("val/loss"), std::string::npos) << header;
  EXPECT_NE(header.find("perf/epoch_s"), std::string::npos) << header;
  std::vector<std::string> starts;
  for (std::string line; std::getline(lines, line);) {
    starts.push_back(line.substr(0, line.find(',', line.find(',') + 1)));
  }
  EXPECT_EQ(starts, (std::vector<std::string>{"0,0", "1,10", "2,20", "3,30"}));
}

class Stages : public RunLimits {
 protected:
  // The head alone for one epoch, then everything at a tenth of the rate for two.
  Recipe staged(const std::string& out) const {
    const std::string path = folder_.path("staged.toml");
    std::ofstream(path) << "[model]\npath = \"tiny.onnx\"\n[data]\ntrain = \"train.npz\"\n"
                           "val = \"val.npz\"\nbatch_size = 4\n[loss]\nname = \"cross_entropy\"\n"
                           "[optimizer]\nname = \"sgd\"\nlr = 0.1\nmomentum = 0.9\n"
                           "[train]\nthreads = 1\n[log]\nevery = 1\ntensorboard = false\n"
                           "[[train.stage]]\nepochs = 1\nfreeze = [\"w1\", \"b1\"]\n"
                           "[[train.stage]]\nepochs = 2\nlr = 0.1\n";
    RecipeSources sources;
    sources.file = path;
    sources.overrides = {"train.out=\"" + folder_.path(out) + "\""};
    return read_recipe(sources);
  }
};

TEST_F(Stages, FreezeWhatTheySayAndScaleTheRate) {
  std::vector<std::vector<float>> seen;  // w1 after each step
  const RunRecord whole = run_tiny(staged("whole"), false, [&](const StepView& view) {
    const VariableStore& store = view.session.engine().store();
    seen.push_back(store.get(store.find("w1")).values<float>());
    return false;
  });
  ASSERT_EQ(seen.size(), 30u);
  EXPECT_EQ(seen[0], seen[9]);
  EXPECT_NE(seen[9], seen[10]);
  EXPECT_NE(whole.log.find("\"step\": 10, \"epoch\": 1"), std::string::npos) << whole.log;
  const std::size_t tenth = whole.log.find("\"opt/lr\": 0.1,");
  const std::size_t slower = whole.log.find("\"opt/lr\": 0.01");
  EXPECT_LT(tenth, slower);
  EXPECT_NE(slower, std::string::npos);
}

TEST_F(Stages, ResumeWithTheSameBitsInAnyOfThem) {
  const RunRecord whole = run_tiny(staged("whole"), false);
  for (const std::int64_t step : {4, 10, 17}) {
    const std::string out = "cut" + std::to_string(step);
    run_tiny(staged(out), false, [&](const StepView& view) { return view.progress.step == step; });
    const RunRecord resumed = run_tiny(staged(out), true);
    EXPECT_EQ(whole.variables, resumed.variables) << step;
    EXPECT_EQ(whole.log, resumed.log) << step;
  }
}

TEST(Duration, IsReadInTheFormsPeopleWrite) {
  EXPECT_EQ(parse_duration("45 s"), 45.0);
  EXPECT_EQ(parse_duration("90 min"), 5400.0);
  EXPECT_EQ(parse_duration("1.5h"), 5400.0);
  EXPECT_EQ(parse_duration("1:30:05"), 5405.0);
  for (const char* bad : {"", "90", "90 m", "-1 s", "1:90:00", "1:30", "1:2:3:4", "inf s"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

}  // namespace
}  // namespace temper::training
