// What an executor gives to the host, on the host's memory and on a device that works later:
// outputs small and large, handed through and constant; indices out of range; the first value that
// is not finite.
#include "runtime/exec/executor.h"

#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "tests/guarded_backend.h"

namespace temper {
namespace {

using Floats = std::vector<float>;

Tensor floats(const Shape& shape, const Floats& values) {
  return Tensor::from<float>(DType::kFloat32, shape, values);
}

enum Output { kRows, kWide, kInput, kTable };

// rows = table[int(x)] of a constant table, rows of all of it a hundred times, and what it is made
// of.
graph::Graph picked() {
  graph::Graph graph{graph::standard_ops()};
  graph::Builder b(graph, "Gather 'embed'");
  const graph::ValueId x = graph.add_input("x", DType::kFloat32, Shape{3});
  const graph::ValueId table =
      graph.add_constant("table", floats({5, 2}, {0, 1, 10, 11, 20, 21, 30, 31, 40, 41}));
  const graph::ValueId rows =
      b.op("Gather", {table, b.op("Cast", {x}, {{"to", std::string("i64")}})},
           {{"axis", std::int64_t{0}}});
  graph.add_output("rows", rows);
  graph.add_output("wide", b.expand(b.reshape(rows, {1, 3, 2}), {100, 3, 2}));
  graph.add_output("x", x);
  graph.add_output("table", table);
  return graph;
}

class ExecutorOutputs : public testing::TestWithParam<bool> {
 protected:
  ExecutorOutputs()
      : backend_(GetParam() ? test::make_guarded_backend(make_backend("reference"))
                            : make_backend("reference")),
        stream_(backend_->make_stream()),
        store_(backend_->memory(), *stream_),
        arena_(backend_->memory()),
        plan_(graph::lower(picked(), *backend_, store_, {})) {
    store_.allocate();
    executor_ = std::make_unique<Executor>(plan_, store_, arena_);
  }
  void run(const Floats& x) {
    executor_->bind_input(0, floats({3}, x));
    executor_->run();
  }
  Floats read(int output) const { return executor_->read_output(output).values<float>(); }

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Stream> stream_;
  VariableStore store_;
  Arena arena_;
  Plan plan_;
  std::unique_ptr<Executor> executor_;
};

TEST_P(ExecutorOutputs, AreThoseOfTheLastRun) {
  for (const float first : {4.0f, 1.0f, 2.0f}) {
    run({first, 0, 3});
    const Floats rows = {10 * first, 10 * first + 1, 0, 1, 30, 31};
    EXPECT_EQ(read(kRows), rows);
    EXPECT_EQ(read(kRows), rows);  // again
    const Floats wide = read(kWide);
    ASSERT_EQ(wide.size(), 600U);
    EXPECT_EQ(Floats(wide.end() - 6, wide.end()), rows);
    EXPECT_EQ(read(kInput), (Floats{first, 0, 3}));
    EXPECT_EQ(read(kTable)[9], 41);
    EXPECT_EQ(executor_->read_number<double>(kRows), 10.0 * static_cast<double>(first));
  }
}

TEST_P(ExecutorOutputs, SmallOnesAreReadings) {
  const auto reading = [&](int output) {
    return plan_.outputs[static_cast<std::size_t>(output)].reading;
  };
  EXPECT_GE(reading(kRows), 0);
  EXPECT_LT(reading(kWide), 0);
  EXPECT_LT(reading(kInput), 0);  // the host has it
  EXPECT_GE(reading(kTable), 0);
}

TEST_P(ExecutorOutputs, ARunWithAnIndexOutOfRangeNamesTheNode) {
  for (int again = 0; again < 2; ++again) {
    try {
      run({0, 7, 1});
      read(kRows);  // on a device that works later it is found here
      ADD_FAILURE() << "not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
      EXPECT_NE(error.message().find("Gather 'embed' got the index 7"), std::string::npos)
          << error.message();
    }
    run({0, 1, 2});  // the next run is another one
    EXPECT_EQ(read(kRows), (Floats{0, 1, 10, 11, 20, 21}));
  }
}

TEST_P(ExecutorOutputs, AnInputOfAnotherSizeIsRefusedByName) {
  try {
    executor_->bind_input(0, floats({2}, {0, 1}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(), "input x is f32[3], given f32[2]");
  }
}

TEST_P(ExecutorOutputs, TimesOfStepsAreOnePerStep) {
  run({0, 1, 2});
  std::vector<double> seconds;
  executor_->run_profiled(seconds);
  EXPECT_EQ(seconds.size(), plan_.steps.size());
  EXPECT_EQ(read(kRows), (Floats{0, 1, 10, 11, 20, 21}));
}

INSTANTIATE_TEST_SUITE_P(Memory, ExecutorOutputs, testing::Bool(),
                         [](const auto& each) { return each.param ? "Device" : "Host"; });

class FirstBadStep : public testing::TestWithParam<bool> {};

TEST_P(FirstBadStep, IsTheOneThatMadeIt) {
  const auto backend = GetParam() ? test::make_guarded_backend(make_backend("reference"))
                                  : make_backend("reference");
  const auto stream = backend->make_stream();
  graph::Graph graph{graph::standard_ops()};
  graph::Builder b(graph, "step");
  const graph::ValueId x = graph.add_input("x", DType::kFloat32, Shape{2});
  graph.add_output("y", b.op("Exp", {b.op("Log", {b.op("Neg", {x})})}));
  VariableStore store(backend->memory(), *stream);
  const Plan plan = graph::lower(graph, *backend, store, {});
  store.allocate();
  Arena arena(backend->memory());
  Executor executor(plan, store, arena);
  executor.bind_input(0, floats({2}, {-1, -2}));
  EXPECT_EQ(executor.first_non_finite_step(), -1);
  executor.bind_input(0, floats({2}, {-1, 2}));
  const int bad = executor.first_non_finite_step();
  ASSERT_GE(bad, 0);
  EXPECT_EQ(plan.steps[static_cast<std::size_t>(bad)].op, "Log");
}

INSTANTIATE_TEST_SUITE_P(Memory, FirstBadStep, testing::Bool(),
                         [](const auto& each) { return each.param ? "Device" : "Host"; });

}  // namespace
}  // namespace temper
