// From model.onnx and its tensor files to a comparison with ONNX's outputs.
#include "tests/onnx_node/node_run.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "graph/ir/op_def.h"
#include "graph/lowering/lower.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_file.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/pipeline.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "runtime/exec/executor.h"

namespace temper::onnx_node {
namespace {

using graph::Graph;
using graph::OnnxModel;
using graph::OnnxValueInfo;

const Backend& backend(const char* device) {
  static std::map<std::string, std::unique_ptr<Backend>> made;
  auto& slot = made[device];
  if (slot == nullptr) {
    slot = make_backend(device);
  }
  return *slot;
}

std::vector<Tensor> read_tensors(const std::string& folder, const char* kind, std::size_t count) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < count; ++i) {
    tensors.push_back(
        graph::read_tensor_file(concat(folder, "/test_data_set_0/", kind, "_", i, ".pb")));
  }
  return tensors;
}

// The values that shape rules need when compiling: absorbed inputs (axes, shapes, sizes) and what
// they are computed from.
std::set<ValueId> needed_when_compiling(const Graph& graph) {
  const auto reads_data = [](const graph::Node& node) {
    return node.op->name() != "Shape" && node.op->name() != "Size";
  };
  std::vector<ValueId> stack;
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(NodeId{i});
    for (const int absorbed : node.op->absorbed_inputs) {
      if (reads_data(node) && absorbed < static_cast<int>(node.inputs.size())) {
        stack.push_back(node.inputs[static_cast<std::size_t>(absorbed)]);
      }
    }
  }
  std::set<ValueId> needed;
  while (!stack.empty()) {
    const ValueId id = stack.back();
    stack.pop_back();
    if (!id.valid() || !needed.insert(id).second) {
      continue;
    }
    const graph::Value& value = graph.value(id);
    if (value.kind != graph::ValueKind::kNode) {
      continue;
    }
    const graph::Node& node = graph.node(value.producer);
    if (reads_data(node)) {
      stack.insert(stack.end(), node.inputs.begin(), node.inputs.end());
    }
  }
  return needed;
}

// Gives every input its shape; those in `needed` become constants, as they are in models to train.
// Returns the data of the others.
std::map<ValueId, Tensor> take_inputs(Graph& graph, const std::vector<Tensor>& data,
                                      const std::set<ValueId>& needed) {
  std::map<ValueId, Tensor> given;
  std::vector<ValueId> left;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const ValueId id = graph.inputs.at(i);
    graph::Value& value = graph.value(id);
    TEMPER_CHECK(value.dtype == data[i].dtype(), ErrorCode::kInternal, "input '", value.name,
                 "' has the type ", value.dtype, ", its file ", data[i].dtype());
    if (needed.contains(id)) {
      value.kind = graph::ValueKind::kConstant;
      value.constant = data[i];
      value.shape = data[i].shape();
      value.shape_known = true;
      continue;
    }
    value.rank_known = true;
    value.shape = data[i].shape();
    value.dims.clear();
    for (const std::int64_t dim : data[i].shape()) {
      value.dims.push_back({dim, {}});
    }
    given[id] = data[i];
    left.push_back(id);
  }
  graph.inputs = std::move(left);
  return given;
}

// The graph with shapes bound, and the data of its inputs. They stay inputs where the ops allow it
// (Clip's bounds).
std::pair<Graph, std::map<ValueId, Tensor>> compile(const OnnxModel& model,
                                                    const std::string& folder) {
  for (const bool constants : {false, true}) {
    Graph graph = model.build_graph(graph::standard_ops());
    const auto data = read_tensors(folder, "input", model.inputs().size());
    const auto needed = constants ? needed_when_compiling(graph) : std::set<ValueId>{};
    auto given = take_inputs(graph, data, needed);
    try {
      graph::bind_shapes(graph, {}, 1, backend("reference"));
      turn_into_training(graph);
      return {std::move(graph), std::move(given)};
    } catch (const Error& error) {
      if (constants || error.code() != ErrorCode::kUnsupported) {
        throw;
      }
    }
  }
  fail(ErrorCode::kInternal, "not reached");
}

std::vector<Tensor> run_plan(Graph& graph, const std::map<ValueId, Tensor>& given) {
  graph::run_pipeline(graph, backend("reference"));
  VariableStore store;
  const Plan plan = graph::lower(graph, backend("cpu"), store, {2});
  store.allocate();
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(VariableId{i});
    const int id = store.find(variable.name);
    const Tensor value = graph::initial_value(variable);
    if (id >= 0 && value.defined()) {
      store.set(id, value);
    }
  }
  Arena arena;
  arena.reserve(plan);
  Executor executor(plan, store, arena);
  for (const auto& [id, tensor] : given) {
    const int port = plan.input(graph.value(id).port);
    if (port >= 0) {
      executor.bind_input(port, tensor);
    }
  }
  executor.run();
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    outputs.push_back(executor.read_output(static_cast<int>(i)).to_plain());
  }
  return outputs;
}

// What ONNX's own runner allows: its bound for a bfloat16 is two units in the last place; a float16
// gets as many.
double relative_tolerance(const std::string& file_type) {
  return file_type == "BFLOAT16" ? 0x1p-6 : file_type == "FLOAT16" ? 0x1p-9 : 1e-3;
}
constexpr double kAbsoluteTolerance = 1e-7;

// Floats of 16 bits are computed in 32 and rounded when they leave.
double as_stored(double value, const std::string& file_type) {
  if (file_type == "FLOAT16") {
    return static_cast<float>(Float16(static_cast<float>(value)));
  }
  return file_type == "BFLOAT16" ? static_cast<float>(BFloat16(static_cast<float>(value))) : value;
}

bool is_close(double got, double wanted, double relative) {
  if (std::isnan(got) || std::isnan(wanted)) {
    return std::isnan(got) && std::isnan(wanted);
  }
  if (std::isinf(got) || std::isinf(wanted)) {
    return got == wanted;
  }
  return std::abs(got - wanted) <= kAbsoluteTolerance + relative * std::abs(wanted);
}

std::string difference(const Tensor& got, const Tensor& wanted, const OnnxValueInfo& info) {
  if (got.dtype() != wanted.dtype() || !(got.shape() == wanted.shape())) {
    return concat("output '", info.name, "' is ", got.dtype(), " ", got.shape(), ", expected ",
                  wanted.dtype(), " ", wanted.shape());
  }
  if (!is_float(wanted.dtype()) && !is_narrow(wanted.dtype())) {
    const auto a = got.values<std::int64_t>();
    const auto b = wanted.values<std::int64_t>();
    const auto at = std::mismatch(a.begin(), a.end(), b.begin());
    return at.first == a.end() ? std::string()
                               : concat("output '", info.name, "', element ", at.first - a.begin(),
                                        " is ", *at.first, ", expected ", *at.second);
  }
  const auto a = got.values<double>();
  const auto b = wanted.values<double>();
  const double relative = relative_tolerance(info.file_type);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double stored = as_stored(a[i], info.file_type);
    if (!is_close(stored, b[i], relative)) {
      return concat("output '", info.name, "', element ", i, " is ", stored, ", expected ", b[i]);
    }
  }
  return {};
}

}  // namespace

void turn_into_training(graph::Graph& graph) {
  bool training = false;
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(NodeId{i});
    training = training || (node.op->name() == "BatchNormalization" &&
                            node.attrs.get_int("training_mode", 0) != 0);
  }
  if (training) {
    graph::apply_training_mode(graph, {});
  }
}

std::string run_case(const NodeCase& node_case, Route route) {
  try {
    const std::string folder = cases_folder() + "/" + node_case.name;
    const OnnxModel model = OnnxModel::load(folder + "/model.onnx");
    auto [compiled, given] = compile(model, folder);
    const std::vector<OnnxValueInfo> infos = model.outputs();
    const std::vector<Tensor> wanted = read_tensors(folder, "output", infos.size());
    std::vector<ValueId> outputs;
    for (const Graph::Output& output : compiled.outputs) {
      outputs.push_back(output.value);
    }
    const std::vector<Tensor> got =
        route == Route::kPlan ? run_plan(compiled, given)
                              : graph::evaluate(compiled, backend("reference"), given, outputs);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const std::string wrong = difference(got.at(i), wanted[i], infos[i]);
      if (!wrong.empty()) {
        return wrong;
      }
    }
    return {};
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace temper::onnx_node
