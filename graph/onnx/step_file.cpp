#include "graph/onnx/step_file.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/external_writer.h"
#include "graph/onnx/graph_messages.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/model_writer.h"
#include "graph/onnx/step_graph.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kInlineBytes = std::int64_t{1} << 30;
// One message of protobuf ends at 2 GiB.
constexpr std::int64_t kMostStateBytes = std::int64_t{3} << 29;

std::vector<Dim> dims_of(const Shape& shape) {
  std::vector<Dim> dims;
  for (const std::int64_t dim : shape) {
    dims.push_back({dim, {}});
  }
  return dims;
}

void add_metadata(wire::ModelProto& model, const StepFile& file) {
  for (const auto& [key, value] : file.metadata) {
    auto& all = *model.mutable_metadata_props();
    auto found = std::find_if(all.begin(), all.end(),
                              [&key = key](const auto& entry) { return entry.key() == key; });
    auto& entry = found != all.end() ? *found : *all.Add();
    entry.set_key(key);
    entry.set_value(value);
  }
}

// Names that a value, tensor or node of a graph has.
std::set<std::string> names_in(const wire::GraphProto& graph) {
  std::set<std::string> names;
  for (const auto& tensor : graph.initializer()) {
    names.insert(tensor.name());
  }
  for (const auto& info : graph.input()) {
    names.insert(info.name());
  }
  for (const auto& node : graph.node()) {
    names.insert(node.name());
    names.insert(node.output().begin(), node.output().end());
  }
  return names;
}

// What the step and the file disagree about, as lines.
class Fit {
 public:
  Fit(const wire::ModelProto& model, const StepGraph& step, std::int64_t opset)
      : model_(model), step_(step), opset_(opset) {}

  std::vector<std::string> problems() {
    for (const auto& import : model_.opset_import()) {
      if (import.domain().empty() && import.version() < opset_) {
        note(concat("the model has opset ", import.version(), ", the step's operators need ",
                    opset_));
      }
    }
    for (const auto& tensor : model_.graph().initializer()) {
      initializers_[tensor.name()] = &tensor;
    }
    for (const ValueId id : step_.graph().inputs) {
      check_input(step_.graph().value(id));
    }
    for (const VariableId id : step_.variables()) {
      check_tensor(step_.graph().variable(id));
    }
    return problems_;
  }

 private:
  void note(std::string text) { problems_.push_back(std::move(text)); }

  void check_input(const Value& input) {
    for (const auto& info : model_.graph().input()) {
      if (info.name() != input.name) {
        continue;
      }
      const auto& dims = info.type().tensor_type().shape();
      for (int axis = 0; axis < dims.dim_size() && axis < input.shape.rank(); ++axis) {
        if (dims.dim(axis).has_dim_value() && dims.dim(axis).dim_value() != input.shape[axis]) {
          note(concat("input '", input.name, "' has ", dims.dim(axis).dim_value(),
                      " along dimension ", axis, " in the model and ", input.shape[axis],
                      " in the step (temper prepare --dynamic-batch opens it)"));
        }
      }
    }
  }

  void check_tensor(const Variable& variable) {
    const bool is_models =
        variable.is(VariableKind::kParameter) || variable.is(VariableKind::kStatistic);
    const auto found = initializers_.find(variable.name);
    if (found == initializers_.end()) {
      if (is_models) {
        note(concat("tensor '", variable.name, "' is no initializer of the model"));
      }
      return;
    }
    const wire::TensorProto& tensor = *found->second;
    if (!is_models) {
      note(concat("the model has a tensor called '", variable.name, "', as the step has"));
    } else if (tensor.data_type() != onnx_type(variable.dtype)) {
      note(concat("tensor '", variable.name, "' is ", onnx_type_name(tensor.data_type()),
                  " in the model and ", variable.dtype, " in the step"));
    } else if (!std::equal(tensor.dims().begin(), tensor.dims().end(), variable.shape.begin(),
                           variable.shape.end())) {
      note(concat("tensor '", variable.name, "' has another shape in the step: ", variable.shape));
    }
  }

  const wire::ModelProto& model_;
  const StepGraph& step_;
  std::int64_t opset_;
  std::map<std::string, const wire::TensorProto*> initializers_;
  std::vector<std::string> problems_;
};

bool begins_as_zeros(const Variable& variable) {
  if (variable.initial.defined()) {
    const auto* bytes = static_cast<const char*>(variable.initial.data());
    return std::all_of(bytes, bytes + variable.initial.bytes(), [](char c) { return c == 0; });
  }
  return variable.stored == nullptr;
}

std::string all_bytes(const Variable& variable) {
  std::string text;
  initial_bytes(variable).for_each_piece([&](std::span<const std::byte> piece) {
    text.append(reinterpret_cast<const char*>(piece.data()), piece.size());
  });
  return text;
}

// zeros of the variable's type and shape
void add_zeros(wire::GraphProto& out, const Variable& variable, const std::string& name) {
  const std::string shape_name = name + ".shape";
  wire::TensorProto& shape = add_tensor(out, shape_name, DType::kInt64, {variable.shape.rank()});
  shape.set_raw_data(std::string(reinterpret_cast<const char*>(variable.shape.dims().data()),
                                 variable.shape.dims().size() * sizeof(std::int64_t)));
  auto& node = *out.add_node();
  node.set_op_type("ConstantOfShape");
  node.set_name(name);
  node.add_input(shape_name);
  node.add_output(name);
  auto& value = *node.add_attribute();
  value.set_name("value");
  value.set_type(4);
  value.mutable_t()->set_data_type(onnx_type(variable.dtype));
  value.mutable_t()->add_dims(1);
  value.mutable_t()->set_raw_data(std::string(size_of(variable.dtype), '\0'));
  declare_value(*out.add_output(), name, variable.dtype, dims_of(variable.shape));
}

void bind(wire::StringStringEntryProto& entry, const std::string& variable,
          const std::string& value) {
  entry.set_key(variable);
  entry.set_value(value);
}

wire::TrainingInfoProto make_training_info(const OnnxModel& model, const wire::ModelProto& proto,
                                           const Graph& step, const StepFile& file) {
  const StepGraph made(step, names_in(proto.graph()));
  std::vector<std::string> problems = Fit(proto, made, file.opset).problems();
  TEMPER_CHECK(problems.empty(), ErrorCode::kUnsupported,
               "the step does not fit beside the graph of ", model.path(), ": ",
               join(problems, "; "), "; --flat writes the step as a model of its own");
  const Graph& graph = made.graph();
  std::set<std::string> of_model;
  for (const auto& tensor : proto.graph().initializer()) {
    of_model.insert(tensor.name());
  }
  std::set<std::string> model_inputs;
  for (const auto& input : proto.graph().input()) {
    model_inputs.insert(input.name());
  }
  wire::TrainingInfoProto info;
  wire::GraphProto& algorithm = *info.mutable_algorithm();
  algorithm.set_name("algorithm");
  wire::GraphProto& initialization = *info.mutable_initialization();
  initialization.set_name("initialization");
  for (const ValueId id : graph.inputs) {
    const Value& input = graph.value(id);
    if (!model_inputs.contains(input.name)) {
      declare_value(*algorithm.add_input(), input.name, input.dtype, dims_of(input.shape));
    }
  }
  std::int64_t state_bytes = 0;
  for (const VariableId id : made.variables()) {
    const Variable& variable = graph.variable(id);
    if (of_model.contains(variable.name)) {
      continue;
    }
    state_bytes += storage_bytes(variable.dtype, variable.shape, {});
    TEMPER_CHECK(state_bytes <= kMostStateBytes, ErrorCode::kUnsupported,
                 "the optimizer's state is more than ", kMostStateBytes,
                 " bytes, which one ONNX file does not hold; --flat writes it beside the file");
    add_tensor(algorithm, variable.name, variable.dtype, variable.shape)
        .set_raw_data(all_bytes(variable));
    if (begins_as_zeros(variable)) {
      const std::string name = concat("initial/", variable.name);
      add_zeros(initialization, variable, name);
      bind(*info.add_initialization_binding(), variable.name, name);
    }
  }
  made.add_nodes(algorithm);
  made.add_outputs(algorithm);
  for (const StepGraph::Update& update : made.updates()) {
    const Variable& variable = graph.variable(update.variable);
    declare_value(*algorithm.add_output(), update.name, variable.dtype, dims_of(variable.shape));
    bind(*info.add_update_binding(), variable.name, update.name);
  }
  return info;
}

}  // namespace

void write_flat_step(const Graph& step, const StepFile& file, const std::string& path) {
  StepGraph made(step, {});
  wire::ModelProto proto;
  proto.set_ir_version(ir_version_of(file.opset));
  proto.set_producer_name("temper");
  auto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(file.opset);
  wire::GraphProto& out = *proto.mutable_graph();
  out.set_name(step.name.empty() ? stem_of_model(path) : step.name);
  const Graph& graph = made.graph();
  for (const ValueId id : graph.inputs) {
    declare_value(*out.add_input(), graph.value(id).name, graph.value(id).dtype,
                  dims_of(graph.value(id).shape));
  }
  for (const VariableId id : made.variables()) {
    if (!file.variables_are_inputs) {
      break;
    }
    const Variable& variable = graph.variable(id);
    declare_value(*out.add_input(), variable.name, variable.dtype, dims_of(variable.shape));
  }
  HeldData held;
  add_variables(out, graph, made.variables(), kInlineBytes, path, held);
  made.add_nodes(out);
  made.add_outputs(out);
  for (const StepGraph::Update& update : made.updates()) {
    const Variable& variable = graph.variable(update.variable);
    declare_value(*out.add_output(), update.name, variable.dtype, dims_of(variable.shape));
  }
  add_metadata(proto, file);
  write_model_file(proto, held, path);
  remove_stale_data(folder_of(path), stem_of_model(path));
}

void write_training_info(const OnnxModel& model, const Graph& step, const StepFile& file,
                         const std::string& path) {
  wire::ModelProto proto = *model.impl().proto;
  wire::TrainingInfoProto info = make_training_info(model, proto, step, file);
  proto.clear_training_info();
  proto.add_training_info()->Swap(&info);
  add_metadata(proto, file);
  write_edited(model.impl(), std::move(proto), {}, path);
}

bool has_training_info(const OnnxModel& model) {
  return model.impl().proto->training_info_size() > 0;
}

std::string training_info_difference(const OnnxModel& model, const Graph& step,
                                     const StepFile& file) {
  const wire::ModelProto& proto = *model.impl().proto;
  TEMPER_CHECK(proto.training_info_size() == 1, ErrorCode::kInvalidArgument, model.path(),
               " holds ", proto.training_info_size(),
               " training steps (TrainingInfoProto), expected one; temper convert --training "
               "writes a model with its step");
  const wire::TrainingInfoProto& stored = proto.training_info(0);
  const wire::TrainingInfoProto made = make_training_info(model, proto, step, file);
  if (stored.SerializeAsString() == made.SerializeAsString()) {
    return {};
  }
  const auto first = [](const auto& a, const auto& b, const char* what) -> std::string {
    const int count = std::min(a.size(), b.size());
    for (int i = 0; i < count; ++i) {
      if (a.Get(i).SerializeAsString() != b.Get(i).SerializeAsString()) {
        return concat(what, " '", a.Get(i).name(), "' of the file differs");
      }
    }
    return a.size() == b.size()
               ? std::string()
               : concat("the file has ", a.size(), " of kind ", what, ", the recipe ", b.size());
  };
  const wire::GraphProto& a = stored.algorithm();
  const wire::GraphProto& b = made.algorithm();
  for (const std::string& difference :
       {first(a.input(), b.input(), "input"), first(a.initializer(), b.initializer(), "tensor"),
        first(a.node(), b.node(), "node"), first(a.output(), b.output(), "output")}) {
    if (!difference.empty()) {
      return difference;
    }
  }
  return "the bindings differ";
}

}  // namespace temper::graph
