#include "tests/graph/onnx/surgery/prepared.h"

#include <temper_test_paths.h>

#include "backends/reference/reference_backend.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

const Backend& reference_device() {
  static const std::unique_ptr<Backend> backend = reference::make_reference_backend();
  return *backend;
}

}  // namespace

std::string surgery_fixture(const std::string& name) {
  return TEMPER_SOURCE_DIR "/tests/graph/onnx/surgery/fixtures/" + name;
}

std::vector<Tensor> outputs_of(const std::string& path, const Tensor& input) {
  graph::Graph graph = graph::OnnxModel::load(path).build_graph(graph::standard_ops());
  const std::int64_t batch = input.shape()[0];
  graph::bind_shapes(graph, {{"batch", batch}}, batch, reference_device());
  std::vector<ValueId> wanted;
  for (const auto& output : graph.outputs) {
    wanted.push_back(output.value);
  }
  return graph::evaluate(graph, reference_device(), {{graph.inputs[0], input}}, wanted);
}

Tensor rows(const Tensor& all, std::int64_t first, std::int64_t count) {
  const std::vector<float> values = all.values<float>();
  const std::int64_t each = all.element_count() / all.shape()[0];
  const std::vector<float> taken(values.begin() + first * each,
                                 values.begin() + (first + count) * each);
  Shape shape = all.shape();
  shape[0] = count;
  return Tensor::from<float>(DType::kFloat32, shape, taken);
}

Tensor samples_of(const std::string& name, std::int64_t count) {
  return rows(training::NpzFile(surgery_fixture(name + ".npz")).read("x"), 0, count);
}

PreparedModel::PreparedModel(const std::string& from, const graph::PrepareOptions& options) {
  const graph::Trial trial{reference_device(), reference_device(), 1, {}};
  done = graph::prepare_model(graph::OnnxModel::load(from), options, trial, path());
}

Tensor PreparedModel::tensor(const std::string& name) const {
  const graph::OnnxModel model = load();
  const graph::Graph graph = model.build_graph(graph::standard_ops(), {name});
  const VariableId id = graph.find_variable(name);
  return id.valid() ? graph::initial_value(graph.variable(id)) : Tensor{};
}

}  // namespace temper::test
