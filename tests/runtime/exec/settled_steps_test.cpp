// What does not depend on the step runs once, and again when a variable or the arena changed.
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "graph/lowering/lower.h"
#include "graph/passes/pipeline.h"
#include "runtime/exec/executor.h"
#include "tests/graph/small_graph.h"
#include "tests/guarded_backend.h"

namespace temper::test {
namespace {

constexpr int kElements = 64;

// y = x (-w): -w is settled. `moves`: the plan also makes w twice what it is.
SmallGraph product(bool moves) {
  SmallGraph g;
  const ValueId w = g.weight("w", {kElements});
  g.output("y", g.b.mul(g.input("x", {kElements}), g.b.neg(w)));
  if (moves) {
    g.graph.add_update(
        {g.graph.value(w).variable, g.b.add(w, w), graph::UpdateBinding::Kind::kAttempt});
  }
  return g;
}

Tensor all(double value) {
  return Tensor::from<double>(DType::kFloat32, {kElements}, Doubles(kElements, value));
}

// On the host, and on a device that works later.
class SettledSteps : public testing::TestWithParam<bool> {
 protected:
  SettledSteps()
      : backend_(GetParam() ? make_guarded_backend(make_backend("reference"))
                            : make_backend("reference")),
        stream_(backend_->make_stream()),
        store_(backend_->memory(), *stream_),
        arena_(backend_->memory()),
        still_(graph::lower(product(false).graph, *backend_, store_, {})),
        moving_(graph::lower(product(true).graph, *backend_, store_, {})) {
    store_.allocate();
    store_.set(0, all(3));
    frozen_ = std::make_unique<Executor>(still_, store_, arena_);
    trained_ = std::make_unique<Executor>(moving_, store_, arena_);
  }
  double run(Executor& executor, double x) {
    const Tensor given = all(x);
    executor.bind_input(0, given);
    executor.run();
    return executor.read_output(0).values<double>().back();
  }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stream> stream_;
  VariableStore store_;
  Arena arena_;
  Plan still_, moving_;
  std::unique_ptr<Executor> frozen_, trained_;
};

TEST_P(SettledSteps, ComeFirstWhereThePlanDoesNotWriteWhatTheyRead) {
  ASSERT_EQ(still_.settled_steps, 1u);
  EXPECT_EQ(still_.steps[0].op, "Neg");
  EXPECT_EQ(moving_.settled_steps, 0u);
}

TEST_P(SettledSteps, RunOnce) {
  EXPECT_EQ(run(*frozen_, 2), -6);
  std::vector<double> seconds;
  frozen_->run_profiled(seconds);
  ASSERT_EQ(seconds.size(), still_.steps.size());
  EXPECT_EQ(seconds[0], 0);
  EXPECT_GT(seconds[1], 0);
  EXPECT_EQ(run(*frozen_, 5), -15);
  EXPECT_EQ(run(*frozen_, 7), -21);  // a device repeats a recording by now
}

TEST_P(SettledSteps, RunAgainWhenTheHostChangedAVariable) {
  EXPECT_EQ(run(*frozen_, 2), -6);
  store_.set(0, all(4));
  EXPECT_EQ(run(*frozen_, 2), -8);
  EXPECT_EQ(run(*frozen_, 3), -12);
  store_.zero(0);
  EXPECT_EQ(run(*frozen_, 3), 0);
}

TEST_P(SettledSteps, RunAgainWhenAnotherPlanChangedAVariableOrUsedTheArena) {
  EXPECT_EQ(run(*frozen_, 2), -6);
  EXPECT_EQ(run(*trained_, 2), -6);
  EXPECT_EQ(run(*frozen_, 2), -12);
  EXPECT_EQ(run(*trained_, 2), -12);
  EXPECT_EQ(run(*trained_, 2), -24);
  EXPECT_EQ(run(*frozen_, 2), -48);
}

INSTANTIATE_TEST_SUITE_P(Devices, SettledSteps, testing::Bool(), [](const auto& param) {
  return std::string(param.param ? "Device" : "Host");
});

// A convolution whose weight is prepared: the weight, folded with the norm behind it, is brought
// into the kernel's form once. Closed form: all elements of x and w are 1 and 0.5, so that an
// output in the middle is 4.5 from each channel, one at a corner 2, and the norm halves it and
// adds 1.
TEST(SettledStepsOfAConvolution, FoldAndPrepareItsWeight) {
  const auto backend = make_backend("cpu");
  const auto stream = backend->make_stream();
  VariableStore store(backend->memory(), *stream);
  SmallGraph g;
  const ValueId w = g.weight("w", {16, 16, 3, 3}), scale = g.weight("scale", {16});
  const ValueId x = g.input("x", {8, 16, 8, 8});
  const ValueId conv = g.b.op("Conv", {x, w}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}});
  g.output("y", g.b.op("BatchNormalization",
                       {conv, scale, g.constant({16}, Doubles(16, 1)),
                        g.constant({16}, Doubles(16, 0)), g.constant({16}, Doubles(16, 3))},
                       {{"epsilon", 1.0}}));
  run_pipeline(g.graph, reference());
  const Plan plan = graph::lower(g.graph, *backend, store, {});
  EXPECT_GT(plan.settled_steps, 0u);
  EXPECT_LE(plan.steps.size() - plan.settled_steps, 3u);  // reorders of x and y may be among them
  store.allocate();
  Arena arena;
  Executor executor(plan, store, arena);
  for (const double weight : {0.5, 2.0}) {
    store.set(0, Tensor::from<double>(DType::kFloat32, {16, 16, 3, 3}, Doubles(2304, weight)));
    store.set(1, Tensor::from<double>(DType::kFloat32, {16}, Doubles(16, 1)));
    for (const double element : {1.0, 3.0}) {
      const Tensor given =
          Tensor::from<double>(DType::kFloat32, {8, 16, 8, 8}, Doubles(8192, element));
      executor.bind_input(0, given);
      executor.run();
      const Doubles y = executor.read_output(0).values<double>();
      EXPECT_NEAR(y[0], 4 * 16 * weight * element / 2 + 1, 1e-3);
      EXPECT_NEAR(y[9], 9 * 16 * weight * element / 2 + 1, 1e-3);
    }
  }
}

// What is kept is not lent to others, though the step that reads it could take it over.
TEST(SettledStepsInPlace, KeepTheirMemory) {
  const auto backend = make_backend("cpu");
  const auto stream = backend->make_stream();
  VariableStore store(backend->memory(), *stream);
  SmallGraph g;
  const ValueId w = g.weight("w", {kElements});
  const ValueId negative = g.b.neg(w);
  g.output("y", g.b.op("Abs", {g.b.op("Min", {g.input("x", {kElements}), g.b.neg(negative)})}));
  const Plan plan = graph::lower(g.graph, *backend, store, {});
  EXPECT_EQ(plan.settled_steps, 2u);
  store.allocate();
  store.set(0, all(3));
  Arena arena;
  Executor executor(plan, store, arena);
  for (const double x : {-9.0, 2.0, 8.0, -1.0}) {
    const Tensor given = all(x);
    executor.bind_input(0, given);
    executor.run();
    EXPECT_EQ(executor.read_output(0).values<double>().back(), x < 3 ? std::abs(x) : 3);
  }
}

}  // namespace
}  // namespace temper::test
