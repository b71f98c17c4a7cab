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
  std::map<std::string, std::int64_t> symbols;
  const std::vector<graph::Dim>& dims = graph.value(graph.inputs[0]).dims;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i].value < 0) {
      symbols[dims[i].symbol] = input.shape()[static_cast<int>(i)];
    }
  }
  graph::bind_shapes(graph, symbols, input.shape()[0], reference_device());
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

PreparedModel::PreparedModel(const std::string& from, const graph::PrepareOptions& options,
                             const std::map<std::string, std::int64_t>& symbols) {
  const graph::Trial trial{reference_device(), reference_device(), 1, symbols};
  done = graph::prepare_model(graph::OnnxModel::load(from), options, trial, path());
}

Tensor PreparedModel::tensor(const std::string& name) const {
  const graph::OnnxModel model = load();
  const graph::Graph graph = model.build_graph(graph::standard_ops(), {name});
  const VariableId id = graph.find_variable(name);
  return id.valid() ? graph::initial_value(graph.variable(id)) : Tensor{};
}

}  // namespace temper::test
