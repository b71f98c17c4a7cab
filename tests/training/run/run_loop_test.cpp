// The loop of a run with steps that only count, and a clock that the test moves: when it logs,
// saves and acts, when it ends, and in which order reports arrive.
#include "training/run/run_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <utility>

#include "runtime/base/error.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<std::int64_t>;

// A step is one of four batches of an epoch; the store counts the steps that were issued.
class CountingSteps final : public RunSteps {
 public:
  CountingSteps(const Recipe& recipe, RunContext& context) : recipe_(recipe), context_(context) {
    store_.add({"issued", DType::kFloat64, {1}, {}, "", {}});
    store_.allocate();
  }

  std::int64_t total_steps() const override { return recipe_.train.steps; }
  std::int64_t total_epochs() const override { return recipe_.train.steps / 4; }
  RunIdentity identity() const override { return {"settings", "numerics", {}}; }
  std::vector<ScheduledModel> schedules() const override {
    return {{"", &recipe_.schedule, 4, 1, context_.state.applied, 0.5}};
  }
  VariableStore& store_of(const RunState&) override { return store_; }
  RunAverages& averages() override { return averages_; }
  void begin() override { events.push_back("begin"); }
  void begin_anew() override { events.push_back("anew"); }

  IssuedStep issue() override {
    RunState& state = context_.state;
    IssuedStep step;
    step.begin = state.data;
    state.data.position += 1;
    if (state.data.position == 4) {
      state.data = {state.data.epoch + 1, 0};
    }
    step.number = ++state.attempted;
    step.end = state.data;
    step.samples = 8;
    step.ends_epoch = step.end.position == 0;
    store_.set_scalar(0, issued() + 1);
    *now += seconds_of_step;
    note("issue", step);
    ++unreported_;
    EXPECT_LE(unreported_, lag + 1);
    return step;
  }
  std::int64_t report_lag() const override { return lag; }
  double take_report(const IssuedStep& step) override {
    EXPECT_EQ(step.number, ++reported_) << "reports come in the order of their steps";
    --unreported_;
    ++context_.state.applied;
    context_.state.sums["loss"] += static_cast<double>(step.number);
    note("report", step);
    return static_cast<double>(step.number);
  }
  // Twice as fast as it is used, and waited for a quarter of the time.
  LoaderTimes loading() const override {
    const double steps = issued();
    return {static_cast<std::int64_t>(8 * steps), steps * seconds_of_step / 2,
            steps * seconds_of_step / 4};
  }
  bool logs_epochs() const override { return epochs; }
  void log(const IssuedStep& step, std::vector<Metric>& line) override {
    note("log", step);
    line.push_back({"sum", context_.state.sums["loss"]});
    context_.state.sums["loss"] = 0;
  }
  bool acts_after(const IssuedStep& step) const override {
    return acts_every > 0 && step.number % acts_every == 0;
  }
  void act_after(const IssuedStep& step) override {
    EXPECT_EQ(unreported_, 0) << "all reports are there before an evaluation";
    note("act", step);
  }
  bool wants_more() const override { return gives_up_after == 0 || reported_ < gives_up_after; }
  VariableStore& store() override {  // it is saved
    EXPECT_EQ(unreported_, 0) << "all reports are there before a checkpoint";
    events.push_back(concat("save ", context_.state.attempted));
    return store_;
  }
  void export_models() override {
    EXPECT_EQ(unreported_, 0);
    events.push_back("export");
  }
  void conclude(RunOutcome outcome) override {
    events.push_back(concat("conclude ", to_string(outcome)));
  }

  void go_on_from(std::int64_t step) { reported_ = step; }
  double issued() const { return store_.get_scalar<double>(0); }

  std::int64_t lag = 0, acts_every = 0, gives_up_after = 0;
  bool epochs = false;
  double seconds_of_step = 0;
  double* now = nullptr;
  Texts events;

 private:
  void note(const char* what, const IssuedStep& step) {
    events.push_back(concat(what, " ", step.number));
  }

  const Recipe& recipe_;
  RunContext& context_;
  VariableStore store_;
  RunAverages averages_;
  std::int64_t unreported_ = 0, reported_ = 0;
};

class Observer : public RunObserver {
 public:
  void stepped(const RunProgress& progress) override {
    seen.push_back(progress.step);
    EXPECT_EQ(progress.loss, static_cast<double>(progress.step));
    if (progress.step == stop_after) {
      loop->request_stop();
    }
  }
  void logged(std::int64_t step, std::int64_t epoch, std::span<const Metric> line) override {
    lines.push_back(concat(step, " in ", epoch, ": ", line[0].value));
    for (const Metric& metric : line) {
      last_line[metric.name] = metric.value;
    }
  }
  void message(std::string_view text) override { messages.emplace_back(text); }

  RunLoop* loop = nullptr;
  std::int64_t stop_after = 0;
  Numbers seen;
  Texts lines, messages;
  std::map<std::string, double> last_line;
};

class Loop : public testing::Test {
 protected:
  Recipe recipe(const Texts& lines, const std::string& out = "run") const {
    RecipeSources sources;
    sources.overrides = {"train.out=\"" + folder_.path(out) + "\"", "train.steps=12",
                         "log.tensorboard=false", "log.every=5"};
    sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
    return read_recipe(sources);
  }

  // One run, from the beginning or with `resume` from what is there.
  struct Run {
    explicit Run(Recipe made, bool resume = false)
        : recipe(std::move(made)),
          context{recipe, observer, {}, nullptr},
          steps(recipe, context),
          loop(context, steps, resume, [this] { return now; }) {
      steps.now = &now;
      observer.loop = &loop;
    }
    RunOutcome go() {
      const RunOutcome outcome = loop.run();
      context.records = nullptr;  // gives the folder back
      return outcome;
    }
    // Of the events those that begin with `what`, their numbers.
    Numbers numbers(const std::string& what) const {
      Numbers found;
      for (const std::string& event : steps.events) {
        if (event.starts_with(what + " ")) {
          found.push_back(std::stoll(event.substr(what.size() + 1)));
        }
      }
      return found;
    }

    Recipe recipe;
    Observer observer;
    RunContext context;
    double now = 1000;
    CountingSteps steps;
    RunLoop loop;
  };

  TempFolder folder_;
};

TEST_F(Loop, LogsAndSavesWhenItIsDueAndAtTheEnd) {
  Run run(recipe({"checkpoint.every=4", "train.steps=10"}));
  EXPECT_EQ(run.go(), RunOutcome::kFinished);
  EXPECT_EQ(run.numbers("log"), (Numbers{5, 10}));
  EXPECT_EQ(run.numbers("save"), (Numbers{4, 8, 10}));
  EXPECT_EQ(run.observer.lines, (Texts{"5 in 1: 15", "10 in 2: 40"}));
  EXPECT_EQ(run.steps.events.front(), "begin");
  EXPECT_EQ(run.steps.events[1], "anew");
  EXPECT_EQ(run.steps.events.back(), "conclude finished");
}

TEST_F(Loop, SavesAndWhereAskedLogsAtTheEndOfEachEpoch) {
  Run run(recipe({"log.every=100"}));
  run.steps.epochs = true;
  run.go();
  EXPECT_EQ(run.numbers("log"), (Numbers{4, 8, 12}));
  EXPECT_EQ(run.numbers("save"), (Numbers{4, 8, 12}));
}

TEST_F(Loop, LogsHowFastTheDataComeBesideHowFastTheyAreUsed) {
  Run run(recipe({"log.every=3"}));
  run.steps.seconds_of_step = 0.5;
  run.steps.acts_every = 2;
  run.go();
  EXPECT_DOUBLE_EQ(run.observer.last_line.at("perf/samples_per_s"), 16);
  EXPECT_DOUBLE_EQ(run.observer.last_line.at("perf/data_samples_per_s"), 32);
  EXPECT_DOUBLE_EQ(run.observer.last_line.at("perf/data_wait_share"), 0.25);
  EXPECT_DOUBLE_EQ(run.loop.loading().samples_per_second, 32);
  EXPECT_NEAR(run.loop.loading().wait_share, 0.25, 1e-6);  // a window is never empty
}

TEST_F(Loop, SavesByRunningTimeInPlaceOfEpochs) {
  Run run(recipe({"checkpoint.minutes=1"}));
  run.steps.seconds_of_step = 25;
  run.go();
  EXPECT_EQ(run.numbers("save"), (Numbers{3, 6, 9, 12}));
}

TEST_F(Loop, SavesByRunningTimeSinceItWasResumed) {
  Run first(recipe({"checkpoint.minutes=1"}));
  first.steps.seconds_of_step = 25;
  first.observer.stop_after = 4;
  EXPECT_EQ(first.go(), RunOutcome::kInterrupted);
  Run second(recipe({"checkpoint.minutes=1"}), true);
  second.steps.seconds_of_step = 25;
  second.steps.go_on_from(4);
  second.go();
  EXPECT_EQ(second.numbers("save"), (Numbers{7, 10, 12}));
}

TEST_F(Loop, CountsTheTimeOfAllPartsOfARun) {
  const Texts limit = {"train.max_time=\"100 s\"", "checkpoint.every=100"};
  Run first(recipe(limit));
  first.steps.seconds_of_step = 30;
  EXPECT_EQ(first.go(), RunOutcome::kTimeIsUp);
  EXPECT_EQ(first.numbers("issue"), (Numbers{1, 2, 3, 4}));
  EXPECT_EQ(first.numbers("save"), (Numbers{4}));
  EXPECT_EQ(first.steps.events[first.steps.events.size() - 2], "export");
  Run again(recipe(limit), true);
  EXPECT_EQ(again.go(), RunOutcome::kTimeIsUp);
  EXPECT_EQ(again.numbers("issue"), Numbers{});
  Run longer(recipe({"train.max_time=\"170 s\""}), true);
  longer.steps.seconds_of_step = 30;
  longer.steps.go_on_from(4);
  EXPECT_EQ(longer.go(), RunOutcome::kTimeIsUp);
  EXPECT_EQ(longer.numbers("issue"), (Numbers{5, 6}));  // which end at 150 and 180 s
  EXPECT_EQ(longer.steps.issued(), 6);
}

TEST_F(Loop, ASignalSavesAndExportsNothing) {
  Run run(recipe({"train.max_time=\"1000 s\""}));
  run.steps.seconds_of_step = 300;
  run.observer.stop_after = 4;  // when the time is up as well
  EXPECT_EQ(run.go(), RunOutcome::kInterrupted);
  EXPECT_EQ(run.numbers("save").back(), 4);
  EXPECT_EQ(std::count(run.steps.events.begin(), run.steps.events.end(), "export"), 0);
}

TEST_F(Loop, GoesOnFromItsNewestCheckpointAsIfItHadNotStopped) {
  Run whole(recipe({}, "whole"));
  whole.go();
  Run cut(recipe({}));
  cut.observer.stop_after = 7;
  cut.go();
  Run resumed(recipe({}), true);
  resumed.steps.go_on_from(7);
  resumed.go();
  EXPECT_EQ(resumed.numbers("issue"), (Numbers{8, 9, 10, 11, 12}));
  EXPECT_EQ(std::count(resumed.steps.events.begin(), resumed.steps.events.end(), "anew"), 0);
  EXPECT_EQ(resumed.steps.issued(), 12);
  Texts lines = cut.observer.lines;
  lines.insert(lines.end(), resumed.observer.lines.begin(), resumed.observer.lines.end());
  EXPECT_EQ(lines, whole.observer.lines);
}

TEST_F(Loop, SaysWhatAnotherLengthChanges) {
  Run cut(recipe({"schedule.name=\"cosine\""}));
  cut.observer.stop_after = 7;
  cut.go();
  EXPECT_EQ(cut.observer.messages, Texts{});
  Run longer(recipe({"schedule.name=\"cosine\"", "train.steps=20"}), true);
  longer.steps.go_on_from(7);
  longer.go();
  ASSERT_EQ(longer.observer.messages.size(), 2U);
  EXPECT_EQ(longer.observer.messages[0], "this run was to have 12 steps, it now has 20");
  EXPECT_TRUE(longer.observer.messages[1].starts_with("schedule \"cosine\" goes by the run's"));
}

TEST_F(Loop, EndsWhereNothingIsGainedByFurtherSteps) {
  Run run(recipe({"checkpoint.every=100"}));
  run.steps.gives_up_after = 6;
  EXPECT_EQ(run.go(), RunOutcome::kStoppedEarly);
  EXPECT_EQ(run.numbers("save"), (Numbers{6}));
  EXPECT_EQ(std::count(run.steps.events.begin(), run.steps.events.end(), "export"), 1);
}

TEST_F(Loop, ActsBetweenALinesStepAndItsCheckpoint) {
  Run run(recipe({"checkpoint.every=5", "train.steps=5"}));
  run.steps.acts_every = 5;
  run.go();
  const Texts& events = run.steps.events;
  EXPECT_EQ(
      Texts(events.end() - 7, events.end()),
      (Texts{"issue 5", "report 5", "log 5", "act 5", "save 5", "export", "conclude finished"}));
}

class LateReports : public Loop, public testing::WithParamInterface<std::int64_t> {};

// CountingSteps expects that none is missing where something needs them all.
TEST_P(LateReports, LeaveTheSameLinesAndCheckpoints) {
  const Texts lines = {"checkpoint.every=7", "log.every=2", "checkpoint.keep=9"};
  Run plain(recipe(lines, "plain"));
  Run late(recipe(lines, "late"));
  plain.steps.acts_every = late.steps.acts_every = 4;
  late.steps.lag = GetParam();
  EXPECT_EQ(plain.go(), late.go());
  EXPECT_EQ(late.observer.lines, plain.observer.lines);
  EXPECT_EQ(late.observer.seen, plain.observer.seen);
  EXPECT_EQ(late.numbers("act"), plain.numbers("act"));
  EXPECT_EQ(late.numbers("save"), plain.numbers("save"));
  for (const char* step : {"07", "12"}) {
    const std::string folder = concat("/checkpoints/step-0000000000", step);
    for (const char* file : {"/weights.safetensors", "/state.json"}) {
      EXPECT_EQ(read_bytes(folder_.path("late" + folder + file)),
                read_bytes(folder_.path("plain" + folder + file)));
    }
  }
}

// A step was issued before its stop was asked for, so it counts.
TEST_P(LateReports, AreAllThereWhereARunIsStopped) {
  Run run(recipe({}));
  run.steps.lag = GetParam();
  run.observer.stop_after = 2;
  EXPECT_EQ(run.go(), RunOutcome::kInterrupted);
  const std::int64_t steps = run.context.state.attempted;
  EXPECT_EQ(run.context.state.applied, steps);
  EXPECT_EQ(run.observer.seen.back(), steps);
  EXPECT_EQ(run.numbers("save").back(), steps);
}

INSTANTIATE_TEST_SUITE_P(Lags, LateReports, testing::Values(1, 3, 100));

TEST_F(Loop, ReportsArriveNoLaterThanAllowed) {
  Run run(recipe({"train.steps=5", "checkpoint.every=100"}));
  run.steps.lag = 2;
  run.go();
  EXPECT_EQ(Texts(run.steps.events.begin() + 2, run.steps.events.begin() + 12),
            (Texts{"issue 1", "issue 2", "issue 3", "report 1", "issue 4", "report 2", "issue 5",
                   "report 3", "report 4", "report 5"}));
}

TEST_F(Loop, AStepThatFailsEndsTheRunAndLeavesWhatWasSaved) {
  class Failing final : public Observer {
    void stepped(const RunProgress& progress) override {
      TEMPER_CHECK(progress.step < 6, ErrorCode::kDiverged, "a bad step");
    }
  };
  const Recipe made = recipe({"checkpoint.every=4"});
  Failing observer;
  RunContext context{made, observer, {}, nullptr};
  CountingSteps steps(made, context);
  double now = 0;
  steps.now = &now;
  RunLoop loop(context, steps, false, [&] { return now; });
  expect_error([&] { loop.run(); }, ErrorCode::kDiverged, "a bad step");
  EXPECT_TRUE(std::filesystem::exists(folder_.path("run/checkpoints/step-000000000004")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path("run/checkpoints/step-000000000006")));
}

TEST_F(Loop, WhatCannotBeSavedIsToldAndDoesNotEndTheRun) {
  const Recipe made = recipe({"checkpoint.every=4", "checkpoint.keep=9"});
  class FullDisk final : public Observer {
   public:
    explicit FullDisk(std::string checkpoints) : checkpoints_(std::move(checkpoints)) {}
    void stepped(const RunProgress& progress) override {
      if (progress.step == 6) {
        std::filesystem::rename(checkpoints_, checkpoints_ + "-aside");
        std::ofstream(checkpoints_) << "in the way";
      } else if (progress.step == 9) {
        std::filesystem::remove(checkpoints_);
        std::filesystem::rename(checkpoints_ + "-aside", checkpoints_);
      }
    }

   private:
    std::string checkpoints_;
  };
  const std::string checkpoints = folder_.path("run/checkpoints");
  FullDisk observer(checkpoints);
  RunContext context{made, observer, {}, nullptr};
  CountingSteps steps(made, context);
  double now = 0;
  steps.now = &now;
  RunLoop loop(context, steps, false, [&] { return now; });
  EXPECT_EQ(loop.run(), RunOutcome::kSaveFailed);
  EXPECT_EQ(steps.issued(), 12);
  ASSERT_EQ(observer.messages.size(), 1U);
  EXPECT_TRUE(observer.messages[0].starts_with("could not save: ")) << observer.messages[0];
  EXPECT_TRUE(std::filesystem::exists(checkpoints + "/step-000000000004"));
  EXPECT_FALSE(std::filesystem::exists(checkpoints + "/step-000000000008"));
  EXPECT_TRUE(std::filesystem::exists(checkpoints + "/step-000000000012"));
}

}  // namespace
}  // namespace temper::training
