#include "training/compile/loss_file.h"

#include <algorithm>
#include <utility>

#include "graph/ir/append.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/passes/resolve.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/gradient_path.h"

namespace temper::training {

using graph::Graph;
using graph::ValueId;

namespace {

constexpr const char* kPrefix = "loss file::";

bool contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<std::string> names_of(const Graph& graph, const std::vector<ValueId>& values) {
  std::vector<std::string> names;
  for (const ValueId id : values) {
    names.push_back(graph.value(id).name);
  }
  return names;
}

// "f32[batch,10]", as the file declares it.
std::string declared(const graph::Value& value) {
  std::vector<std::string> dims;
  for (const graph::Dim& dim : value.dims) {
    dims.push_back(dim.value >= 0       ? concat(dim.value)
                   : dim.symbol.empty() ? std::string("?")
                                        : dim.symbol);
  }
  return concat(value.dtype, "[", join(dims, ","), "]");
}

// The file with the shapes of what it is given.
Graph bound_file(const Graph& graph, const LossTerm& term,
                 const std::map<std::string, ValueId>& given, const Backend& reference) {
  Graph part = *term.graph;
  LossSymbols symbols;
  for (const ValueId id : part.inputs) {
    graph::Value& input = part.value(id);
    const auto found = given.find(input.name);
    TEMPER_ASSERT(found != given.end(), input.name);
    const graph::Value& value = graph.value(found->second);
    check_loss_input(input, term.file, "what it is given", value.dtype, value.shape, symbols);
    input.shape = value.shape;
    input.shape_known = true;
  }
  graph::infer_and_resolve(part, nullptr, reference);
  graph::apply_inference_mode(part);
  return part;
}

}  // namespace

ValueId ModelValues::value_of(const Graph& graph, std::string_view name, LossFileRole role) const {
  if (role == LossFileRole::kModelOutput) {
    const auto found = std::find_if(outputs.begin(), outputs.end(),
                                    [&](const Graph::Output& o) { return o.name == name; });
    TEMPER_ASSERT(found != outputs.end(), name);
    return found->value;
  }
  const auto found = std::find_if(inputs.begin(), inputs.end(),
                                  [&](ValueId id) { return graph.value(id).name == name; });
  TEMPER_ASSERT(found != inputs.end(), name);
  return *found;
}

std::int64_t ModelValues::batch(const Graph& graph) const {
  const Shape& shape = graph.value(outputs.front().value).shape;
  return shape.rank() == 0 ? 1 : shape[0];
}

LossFileRole role_of(std::string_view name, const std::vector<std::string>& model_inputs,
                     const std::vector<std::string>& model_outputs, bool sample_weight) {
  return sample_weight && name == kSampleWeightInput ? LossFileRole::kSampleWeight
         : name.starts_with(kTargetNamePrefix)       ? LossFileRole::kTarget
         : contains(model_outputs, name)             ? LossFileRole::kModelOutput
         : contains(model_inputs, name)              ? LossFileRole::kModelInput
                                                     : LossFileRole::kTarget;
}

LossFileRole role_of(const Graph& graph, std::string_view name, const ModelValues& model,
                     bool sample_weight) {
  std::vector<std::string> outputs;
  for (const Graph::Output& output : model.outputs) {
    outputs.push_back(output.name);
  }
  return role_of(name, names_of(graph, model.inputs), outputs, sample_weight);
}

Graph as_loss_file(Graph imported, const std::string& path) {
  TEMPER_CHECK(!imported.inputs.empty(), ErrorCode::kInvalidModel, path,
               " has no input; a loss takes the model's outputs and targets of the data");
  if (imported.outputs.size() != 1) {
    std::vector<std::string> names;
    for (const Graph::Output& output : imported.outputs) {
      names.push_back(output.name);
    }
    fail(ErrorCode::kInvalidModel, path, " has ", names.size(), " outputs (", join(names, ", "),
         "); the file of a loss has one, the loss: leave the others out of the file");
  }
  for (int i = 0; i < imported.value_count(); ++i) {
    graph::Value& value = imported.value(ValueId{i});
    if (value.kind == graph::ValueKind::kVariable) {
      const graph::Variable& variable = imported.variable(value.variable);
      value.constant = graph::initial_value(variable);
      if (!value.constant.defined()) {
        value.constant = Tensor(variable.dtype, variable.shape, {}, "a tensor of a loss");
      }
      value.kind = graph::ValueKind::kConstant;
    }
  }
  imported.updates.clear();
  return imported;
}

void check_loss_gradient(const Graph& file, const std::string& path,
                         const std::vector<std::string>& model_outputs) {
  ReachedValues begin(static_cast<std::size_t>(file.value_count()), false);
  std::vector<std::string> named;
  for (const ValueId id : file.inputs) {
    if (contains(model_outputs, file.value(id).name)) {
      begin[static_cast<std::size_t>(id.index)] = true;
      named.push_back(file.value(id).name);
    }
  }
  TEMPER_CHECK(!named.empty(), ErrorCode::kInvalidArgument, path,
               " names no output of the model: its inputs are ",
               join(names_of(file, file.inputs), ", "), ", the model's outputs are ",
               join(model_outputs, ", "), ". Give an input of the loss an output's name");
  const ReachedValues reached = reached_values(file, begin);
  if (!reached[static_cast<std::size_t>(file.outputs.front().value.index)]) {
    std::vector<std::string> stops;
    for (int i = 0; i < file.node_count(); ++i) {
      const graph::Node& node = file.node(graph::NodeId{i});
      const bool stopped = !node.removed && !node.op->no_gradient_reason.empty() &&
                           std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
                             return id.valid() && reached[static_cast<std::size_t>(id.index)];
                           });
      if (stopped) {
        stops.push_back(concat(node.origin, " (", node.op->no_gradient_reason, ")"));
      }
    }
    fail(ErrorCode::kInvalidModel, path, ": no gradient comes from the loss to ", join(named, ", "),
         stops.empty() ? "; the loss does not depend on it"
                       : concat("; it stops at ", join(stops, ", ")));
  }
  const std::vector<std::string> missing = nodes_without_gradient(file, reached);
  TEMPER_CHECK(missing.empty(), ErrorCode::kUnsupported, path, ": no gradient for ",
               join(missing, ", "),
               ", which lies between the model's output and the loss; write it with other ops "
               "(docs/reference.md lists those with a gradient)");
}

void check_loss_input(const graph::Value& value, const std::string& path, std::string_view from,
                      DType dtype, const Shape& shape, LossSymbols& symbols) {
  bool fits = value.dtype == dtype;
  if (value.rank_known) {
    fits = fits && static_cast<int>(value.dims.size()) == shape.rank();
    for (int axis = 0; fits && axis < shape.rank(); ++axis) {
      const graph::Dim& dim = value.dims[static_cast<std::size_t>(axis)];
      const bool named = dim.value < 0 && !dim.symbol.empty();
      const std::int64_t known =
          named ? symbols.try_emplace(dim.symbol, shape[axis]).first->second : dim.value;
      fits = known < 0 || known == shape[axis];
    }
  }
  TEMPER_CHECK(
      fits, ErrorCode::kInvalidArgument, path, " takes '", value.name, "' as ", declared(value),
      ", but ", from, " is ", dtype, shape,
      value.dtype != dtype ? "; declare that type in the file, and Cast where it is used" : "");
}

ValueId add_loss_file(Graph& graph, const LossTerm& term,
                      const std::map<std::string, ValueId>& given, const Backend& reference) {
  const Graph part = bound_file(graph, term, given, reference);
  const ValueId loss = graph::append(graph, part, 0, kPrefix, given).outputs.front().value;
  graph::Builder builder(graph, "loss file");
  const Shape shape = builder.shape(loss);
  TEMPER_CHECK(is_float(builder.dtype(loss)), ErrorCode::kInvalidModel, "the output of ", term.file,
               " is ", builder.dtype(loss), "; a loss is a float");
  TEMPER_CHECK(shape.element_count() == 1, ErrorCode::kInvalidModel, "the output of ", term.file,
               " has the shape ", shape,
               "; a loss is one number: end the file with ReduceMean (in PyTorch: loss.mean())");
  return builder.reshape(loss, {});
}

}  // namespace temper::training
