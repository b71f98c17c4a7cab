// Indices and labels that the graph computes: within range they pick as ONNX says, negative ones
// from the end; out of range the run ends with an error that names the node and the value, before
// anything behind that node is computed.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"

namespace temper::op_suite {
namespace {

using graph::Graph;

// rows = table[int(x)], an embedding whose indices come as floats, and their gradient.
struct Picked {
  Graph graph{graph::standard_ops()};

  explicit Picked(const char* integer) {
    graph::Builder b(graph, "Gather 'embed'");
    const ValueId x = graph.add_input("x", DType::kFloat32, Shape{3});
    const ValueId table = graph.add_input("table", DType::kFloat32, Shape{5, 2});
    const ValueId indices = b.op("Cast", {x}, {{"to", std::string(integer)}});
    const ValueId rows = b.op("Gather", {table, indices}, {{"axis", std::int64_t{0}}});
    graph.add_output("rows", rows);
    const ValueId loss = b.reduce_sum(b.mul(rows, rows), {0, 1}, false);
    const std::vector<ValueId> wrt{table};
    graph.add_output("dtable", graph::gradient(graph, loss, wrt).front());
  }
};

// The outputs, in f32.
std::vector<std::vector<float>> run(const Graph& graph, const Backend& backend, int threads,
                                    std::vector<std::vector<float>> inputs) {
  VariableStore store;
  graph::LowerOptions options;
  options.threads = threads;
  const Plan plan = graph::lower(graph, backend, store, options);
  store.allocate();
  Arena arena;
  arena.reserve(plan);
  Executor executor(plan, store, arena);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    executor.bind_input(static_cast<int>(i),
                        Tensor::from<float>(DType::kFloat32, plan.inputs[i].shape, inputs[i]));
  }
  executor.run();
  std::vector<std::vector<float>> outputs;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    outputs.push_back(executor.read_output(static_cast<int>(i)).values<float>());
  }
  return outputs;
}

const std::vector<float> kTable = {0, 1, 10, 11, 20, 21, 30, 31, 40, 41};

template <class F>
void for_each_backend(F f) {
  f(reference_backend(), 1);
  for (const BackendUnderTest& under_test : backends_under_test()) {
    f(*under_test.backend, under_test.threads);
  }
}

void expect_refused(const Graph& graph, const std::vector<std::vector<float>>& inputs,
                    const std::string& part) {
  for_each_backend([&](const Backend& backend, int threads) {
    try {
      run(graph, backend, threads, inputs);
      ADD_FAILURE() << "not refused on " << backend.name() << ": " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
      EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
  });
}

TEST(ComputedIndices, PickRowsAndFromTheEndWhereTheyAreNegative) {
  for (const char* integer : {"i32", "i64"}) {
    const Picked picked(integer);
    for_each_backend([&](const Backend& backend, int threads) {
      const auto outputs = run(picked.graph, backend, threads, {{4, -1, -5.7f}, kTable});
      EXPECT_EQ(outputs[0], (std::vector<float>{40, 41, 40, 41, 0, 1}));
      EXPECT_EQ(outputs[1], (std::vector<float>{0, 2, 0, 0, 0, 0, 0, 0, 160, 164}));
    });
  }
}

TEST(ComputedIndices, OutOfRangeNameTheNodeAndTheValue) {
  const Graph wide = Picked("i64").graph, narrow = Picked("i32").graph;
  for (const Graph* graph : {&wide, &narrow}) {
    expect_refused(*graph, {{0, 5, 1}, kTable}, "Gather 'embed' got the index 5, expected -5 to 4");
    expect_refused(*graph, {{0, 1, -6}, kTable}, "Gather 'embed' got the index -6");
  }
  expect_refused(wide, {{1e30f, 0, 0}, kTable}, "got the index 9223372036854775807");
}

// Not row 0, without a word.
TEST(ComputedIndices, OfNaNAreOutOfRange) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  expect_refused(Picked("i64").graph, {{0, nan, 1}, kTable}, "index -9223372036854775808");
  expect_refused(Picked("i32").graph, {{0, nan, 1}, kTable}, "index -2147483648");
}

TEST(ComputedIndices, OfAGradientAloneAreSeenToo) {
  Graph graph{graph::standard_ops()};
  graph::Builder b(graph, "GatherGrad 'scatter'");
  const ValueId x = graph.add_input("x", DType::kFloat32, Shape{2});
  const ValueId dy = graph.add_input("dy", DType::kFloat32, Shape{2, 3});
  graph.add_output(
      "dx", b.op("GatherGrad", {dy, b.cast(x, DType::kInt64)},
                 {{"axis", std::int64_t{0}}, {"data_shape", std::vector<std::int64_t>{4, 3}}}));
  expect_refused(graph, {{3, 4}, std::vector<float>(6, 1)}, "GatherGrad 'scatter' got the index 4");
}

TEST(ComputedLabels, OutOfRangeNameTheNodeAndTheValue) {
  for (const Shape& logits : {Shape{2, 3}, Shape{2, 3, 2}}) {
    Graph graph{graph::standard_ops()};
    graph::Builder b(graph, "SoftmaxCrossEntropyLoss 'loss'");
    const ValueId scores = graph.add_input("scores", DType::kFloat32, logits);
    Shape rows{2};
    if (logits.rank() == 3) {
      rows.push_back(2);
    }
    const ValueId labels = graph.add_input("labels", DType::kFloat32, rows);
    const ValueId loss = b.op("CrossEntropy", {scores, b.cast(labels, DType::kInt64)});
    graph.add_output("loss", loss);
    const std::vector<ValueId> wrt{scores};
    graph.add_output("dscores", graph::gradient(graph, loss, wrt).front());
    const std::vector<float> zeros(static_cast<std::size_t>(logits.element_count()), 0);
    std::vector<float> chosen(static_cast<std::size_t>(rows.element_count()), 2);
    chosen[1] = -100;  // ignored
    for_each_backend([&](const Backend& backend, int threads) {
      EXPECT_NEAR(run(graph, backend, threads, {zeros, chosen})[0][0], std::log(3.0), 1e-6);
    });
    chosen[1] = 3;
    expect_refused(graph, {zeros, chosen},
                   "SoftmaxCrossEntropyLoss 'loss' got the index 3, expected 0 to 2");
    chosen[1] = -1;
    expect_refused(graph, {zeros, chosen}, "got the index -1");
  }
}

}  // namespace
}  // namespace temper::op_suite
