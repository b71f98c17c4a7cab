// An index out of range on the device ends the run with an error that names the node and the value,
// as on the host; the next run is another one.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"

namespace temper {
namespace {

// y = op(x [2, 2], int(places), updates): the places stand at input `at`.
graph::Graph placed(const std::string& op, const Shape& places, const Shape& updates,
                    std::size_t at, const Attrs& attrs) {
  graph::Graph graph{graph::standard_ops()};
  graph::Builder b(graph, op + " 'places'");
  std::vector<graph::ValueId> inputs = {graph.add_input("x", DType::kFloat32, Shape{2, 2})};
  const graph::ValueId given = graph.add_input("places", DType::kFloat32, places);
  if (updates.rank() > 0) {
    inputs.push_back(graph.add_input("updates", DType::kFloat32, updates));
  }
  inputs.insert(inputs.begin() + static_cast<std::ptrdiff_t>(at),
                b.op("Cast", {given}, {{"to", std::string("i64")}}));
  graph.add_output("y", b.op(op, inputs, attrs));
  return graph;
}

struct Case {
  std::string op;
  Shape places, updates;
  std::size_t at;
  Attrs attrs;
  float good, bad;
  std::string message;
};

void check(const Case& c, const Backend& backend) {
  const std::unique_ptr<Stream> stream = backend.make_stream();
  VariableStore store(backend.memory(), *stream);
  Arena arena(backend.memory());
  const Plan plan =
      graph::lower(placed(c.op, c.places, c.updates, c.at, c.attrs), backend, store, {});
  store.allocate();
  Executor executor(plan, store, arena);
  const auto run = [&](float first) {
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      const Shape& shape = plan.inputs[i].shape;
      std::vector<float> numbers(static_cast<std::size_t>(shape.element_count()), 0);
      numbers[0] = plan.inputs[i].name == "places" ? first : 1.0f;
      executor.bind_input(static_cast<int>(i),
                          Tensor::from<float>(DType::kFloat32, shape, numbers));
    }
    executor.run();
    executor.read_output(0);
  };
  try {
    run(c.bad);
    ADD_FAILURE() << c.op << " is not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
    EXPECT_NE(error.message().find(c.message), std::string::npos) << error.message();
  }
  EXPECT_NO_THROW(run(c.good)) << c.op;
}

TEST(CudaIndexFault, NamesTheNodeAndTheValue) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const std::unique_ptr<Backend> backend = make_backend("cuda-emulated");
  const Attrs rows{{"axis", std::int64_t{0}}}, columns{{"axis", std::int64_t{1}}};
  Attrs summed = rows;
  summed.set("reduction", std::string("add"));
  Attrs data = rows;
  data.set("data_shape", std::vector<std::int64_t>{3, 2});
  const std::vector<Case> cases = {
      {"Gather", {3}, {}, 1, rows, -2, 2, "Gather 'places' got the index 2, expected -2 to 1"},
      {"GatherGrad", {2}, {}, 1, data, 2, 3, "GatherGrad 'places' got the index 3"},
      {"GatherElements", {1, 2}, {}, 1, {}, -2, 2, "got the index 2, expected -2 to 1"},
      {"GatherND", {1, 1}, {}, 1, {}, 1, -3, "got the index -3, expected -2"},
      {"ScatterElements", {1, 2}, {1, 2}, 1, rows, 1, 2, "got the index 2, expected -2 to 1"},
      {"ScatterElements", {1, 2}, {1, 2}, 1, summed, 1, -3, "got the index -3"},
      {"ScatterND", {1, 1}, {1, 2}, 1, {}, 1, 7, "got the index 7"},
      {"TensorScatter", {2}, {2, 1}, 2, columns, 1, 2, "got the index 2, expected 0 to 1"},
      {"ReverseSequence", {2}, {}, 1, {}, 2, 3, "got the index 3, expected 0 to 2"},
  };
  for (const Case& c : cases) {
    check(c, *backend);
  }
}

}  // namespace
}  // namespace temper
