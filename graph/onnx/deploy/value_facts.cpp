#include "graph/onnx/deploy/value_facts.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/graph_messages.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kFloat16 = 10, kBFloat16 = 16;  // TensorProto.DataType

bool is_sixteen_bits(std::int64_t type) { return type == kFloat16 || type == kBFloat16; }

}  // namespace

ValueFacts::ValueFacts(ModelEdit& edit, const KnownValues& known) : edit_(edit), known_(known) {
  take_infos(edit.graph(), true);
  find_sixteen_bits(edit.graph());
  follow_types(edit.graph());
}

void ValueFacts::take_info(const wire::ValueInfoProto& info) {
  if (!info.type().has_tensor_type()) {
    return;
  }
  const auto& tensor = info.type().tensor_type();
  if (tensor.elem_type() != 0) {
    types_[info.name()] = tensor.elem_type();
    has_sixteen_bits_ = has_sixteen_bits_ || is_sixteen_bits(tensor.elem_type());
  }
  if (!tensor.has_shape()) {
    return;
  }
  FixedDims dims;
  for (const auto& dim : tensor.shape().dim()) {
    dims.push_back(dim.has_dim_value() && dim.dim_value() >= 0
                       ? std::optional<std::int64_t>(dim.dim_value())
                       : std::nullopt);
  }
  dims_[info.name()] = std::move(dims);
}

// A file may be wrong about the values inside: what a run saw otherwise is not fixed.
void ValueFacts::take_infos(const wire::GraphProto& graph, bool is_main) {
  for (const auto* infos : {&graph.value_info(), &graph.output(), &graph.input()}) {
    for (const auto& info : *infos) {
      take_info(info);
    }
  }
  if (is_main) {
    for (const auto& input : graph.input()) {
      if (edit_.find_tensor(input.name()) != nullptr) {
        continue;
      }
      const auto dims = dims_.find(input.name());
      inputs_are_fixed_ =
          inputs_are_fixed_ && dims != dims_.end() &&
          std::all_of(dims->second.begin(), dims->second.end(), [](auto& one) { return !!one; });
    }
  }
  for (const auto& node : graph.node()) {
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        take_infos(attribute.g(), false);
      }
    }
  }
}

void ValueFacts::find_sixteen_bits(const wire::GraphProto& graph) {
  for (const auto& tensor : graph.initializer()) {
    has_sixteen_bits_ = has_sixteen_bits_ || is_sixteen_bits(tensor.data_type());
  }
  for (const auto& node : graph.node()) {
    for (const auto& attribute : node.attribute()) {
      has_sixteen_bits_ = has_sixteen_bits_ ||
                          (attribute.has_t() && is_sixteen_bits(attribute.t().data_type())) ||
                          (attribute.name() == "to" && is_sixteen_bits(attribute.i()));
      if (attribute.has_g()) {
        find_sixteen_bits(attribute.g());
      }
    }
  }
}

// Nodes give floats of the type that they read, but for those that name it.
std::int32_t ValueFacts::type_given_by(const wire::NodeProto& node, int output) const {
  const std::string& op = node.op_type();
  if (op == "Cast") {
    return static_cast<std::int32_t>(int_attribute(node, "to", 0));
  }
  if (op == "CastLike" || op == "DequantizeLinear") {
    return node.input_size() > 1 ? type(node.input(1)) : 0;
  }
  if (op == "LayerNormalization" && output > 0) {
    return kFloat;
  }
  for (const std::string& input : node.input()) {
    const std::int32_t given = input.empty() ? 0 : type(input);
    if (given == kFloat || is_sixteen_bits(given)) {
      return given;
    }
  }
  return 0;
}

void ValueFacts::follow_types(const wire::GraphProto& graph) {
  if (!has_sixteen_bits_) {
    return;
  }
  for (const auto& node : graph.node()) {
    for (int i = 0; i < node.output_size(); ++i) {
      const auto seen = known_.find(node.output(i));
      const bool floats = seen != known_.end() && seen->second.dtype == DType::kFloat32;
      const std::int32_t given =
          floats && !types_.contains(node.output(i)) && normal_domain(node.domain()).empty()
              ? type_given_by(node, i)
              : 0;
      if (given != 0) {
        types_[node.output(i)] = given;
      }
    }
  }
}

std::int32_t ValueFacts::type(const std::string& name) const {
  if (const wire::TensorProto* tensor = edit_.find_tensor(name)) {
    return tensor->data_type();
  }
  const auto said = types_.find(name);
  if (said != types_.end()) {
    return said->second;
  }
  const auto seen = known_.find(name);
  const bool is_clear = seen != known_.end() && seen->second.dtype != DType::kUndefined &&
                        seen->second.dtype != DType::kOpaque &&
                        !(has_sixteen_bits_ && seen->second.dtype == DType::kFloat32);
  return is_clear ? onnx_type(seen->second.dtype) : 0;
}

std::optional<FixedDims> ValueFacts::dims(const std::string& name) const {
  if (const wire::TensorProto* tensor = edit_.find_tensor(name)) {
    return FixedDims(tensor->dims().begin(), tensor->dims().end());
  }
  const auto said = dims_.find(name);
  const auto seen = known_.find(name);
  const bool is_input = std::any_of(edit_.graph().input().begin(), edit_.graph().input().end(),
                                    [&](const auto& input) { return input.name() == name; });
  if (seen == known_.end() || is_input) {
    return said == dims_.end() ? std::nullopt : std::optional<FixedDims>(said->second);
  }
  const Shape& shape = seen->second.shape;
  FixedDims found(shape.begin(), shape.end());
  if (inputs_are_fixed_) {
    return found;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const bool agrees =
        said != dims_.end() && said->second.size() == found.size() && said->second[i] == found[i];
    found[i] = agrees ? found[i] : std::nullopt;
  }
  return found;
}

std::optional<std::int64_t> ValueFacts::rank(const std::string& name) const {
  const auto found = dims(name);
  return found ? std::optional<std::int64_t>(static_cast<std::int64_t>(found->size()))
               : std::nullopt;
}

std::optional<Shape> ValueFacts::shape(const std::string& name) const {
  const auto found = dims(name);
  if (!found) {
    return std::nullopt;
  }
  Shape shape;
  for (const auto& dim : *found) {
    if (!dim) {
      return std::nullopt;
    }
    shape.push_back(*dim);
  }
  return shape;
}

}  // namespace temper::graph
