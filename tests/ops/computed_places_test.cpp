// Places that the graph computes: out of range the run ends with an error that names the node and
// the value. Ops whose shapes depend on data are refused by name when the graph is compiled.
#include <gtest/gtest.h>

#include <string>
#include <vector>

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

// op(x [2, 2], int(places [2]), ..) with all further inputs like x.
struct Placed {
  Graph graph{graph::standard_ops()};

  Placed(const std::string& op, const Shape& places, bool with_updates, const Shape& updates,
         std::size_t at, const Attrs& attrs = {}) {
    graph::Builder b(graph, op + " 'places'");
    std::vector<ValueId> inputs = {graph.add_input("x", DType::kFloat32, Shape{2, 2})};
    const ValueId given = graph.add_input("places", DType::kFloat32, places);
    if (with_updates) {
      inputs.push_back(graph.add_input("updates", DType::kFloat32, updates));
    }
    inputs.insert(inputs.begin() + static_cast<std::ptrdiff_t>(at),
                  b.op("Cast", {given}, {{"to", std::string("i64")}}));
    graph.add_output("y", b.op(op, inputs, attrs));
  }
};

void run(const Graph& graph, const Backend& backend, int threads, float first) {
  VariableStore store;
  graph::LowerOptions options;
  options.threads = threads;
  const Plan plan = graph::lower(graph, backend, store, options);
  store.allocate();
  Arena arena;
  arena.reserve(plan);
  Executor executor(plan, store, arena);
  for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
    const Shape& shape = plan.inputs[i].shape;
    std::vector<float> numbers(static_cast<std::size_t>(shape.element_count()), 0);
    if (plan.inputs[i].name == "places") {
      numbers[0] = first;
    }
    executor.bind_input(static_cast<int>(i), Tensor::from<float>(DType::kFloat32, shape, numbers));
  }
  executor.run();
}

void expect_bound(const Placed& placed, float good, float bad, const std::string& message) {
  const auto check = [&](const Backend& backend, int threads) {
    EXPECT_NO_THROW(run(placed.graph, backend, threads, good)) << message;
    try {
      run(placed.graph, backend, threads, bad);
      ADD_FAILURE() << "not refused on " << backend.name() << ": " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
      EXPECT_NE(error.message().find(message), std::string::npos) << error.message();
    }
  };
  check(reference_backend(), 1);
  for (const BackendUnderTest& tested : backends_under_test()) {
    check(*tested.backend, tested.threads);
  }
}

TEST(ComputedPlaces, OutOfRangeNameTheNodeAndTheValue) {
  expect_bound(Placed("GatherElements", {1, 2}, false, {}, 1), -2, 2,
               "GatherElements 'places' got the index 2, expected -2 to 1");
  expect_bound(Placed("GatherND", {1, 1}, false, {}, 1), 1, -3, "got the index -3, expected -2");
  expect_bound(Placed("ScatterElements", {1, 2}, true, {1, 2}, 1), 1, 2,
               "ScatterElements 'places' got the index 2, expected -2 to 1");
  expect_bound(Placed("ScatterND", {1, 1}, true, {1, 2}, 1), 1, 7, "got the index 7");
  expect_bound(Placed("TensorScatter", {2}, true, {2, 1}, 2, {{"axis", std::int64_t{1}}}), 1, 2,
               "TensorScatter 'places' got the index 2, expected 0 to 1");
  expect_bound(Placed("ReverseSequence", {2}, false, {}, 1), 2, 3,
               "got the index 3, expected 0 to 2");
}

TEST(ComputedPlaces, OfShapesThatDependOnDataAreRefusedByName) {
  for (const std::string op : {"NonZero", "Unique", "Compress", "NonMaxSuppression"}) {
    Graph graph(graph::standard_ops());
    graph::Builder b(graph, op);
    std::vector<ValueId> inputs = {graph.add_input("x", DType::kFloat32, Shape{1, 2, 4})};
    if (op == "Compress") {
      inputs.push_back(graph.add_input("condition", DType::kBool, Shape{1}));
    } else if (op == "NonMaxSuppression") {
      inputs.push_back(graph.add_input("scores", DType::kFloat32, Shape{1, 1, 2}));
    }
    try {
      b.op(op, inputs);
      ADD_FAILURE() << op << " is not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      EXPECT_NE(error.message().find(op + " is computed from data, and so is the shape"),
                std::string::npos)
          << error.message();
    }
  }
}

// What a rule leaves in attributes may come from a file as well.
TEST(ComputedPlaces, InAttributesAreChecked) {
  using Ints = std::vector<std::int64_t>;
  const auto refused = [](const char* op, const Attrs& attrs) {
    Graph graph(graph::standard_ops());
    graph::Builder b(graph, op);
    const ValueId x = graph.add_input("x", DType::kFloat32, Shape{3});
    try {
      b.op(op, {std::string(op) == "Compress" ? x : ValueId{}}, attrs);
      ADD_FAILURE() << op << " is not refused";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidModel) << error.message();
    }
  };
  refused("Compress", {{"picks", Ints{-1}}});
  refused("Compress", {{"picks", Ints{3, 0}}});
  refused("NonZero", {{"value", Ints{1, 2, 3}}, {"shape", Ints{1, 2}}});
  refused("NonZero", {{"value", Ints{}}, {"shape", Ints{0, 1 << 20}}});
  refused("NonMaxSuppression", {{"value", Ints{1, 2, 3, 4}}});
  refused("EyeLike", {{"shape", Ints{-1, 2}}, {"dtype", std::string("f32")}});
}

}  // namespace
}  // namespace temper::op_suite
