#include "graph/onnx/surgery/linear_layers.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/places.h"

namespace temper::graph {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// [out, in] behind a Transpose is used as [in, out].
bool swaps_two(const FlatNode& node) {
  const wire::AttributeProto* perm = node.find("perm");
  return perm == nullptr || (perm->ints_size() == 2 && perm->ints(0) == 1 && perm->ints(1) == 0);
}

bool is_readable(ModelEdit& edit, const std::string& name) {
  const wire::TensorProto* tensor = edit.find_tensor(name);
  return tensor != nullptr && unsupported_reason(*tensor).empty();
}

}  // namespace

FlatIndex::FlatIndex(const FlatGraph& graph) {
  for (const FlatNode& node : graph.nodes) {
    for (const std::string& output : node.outputs) {
      makers_[output] = &node;
    }
    for (const std::string& input : node.inputs) {
      readers_[input].push_back(&node);
    }
  }
}

const FlatNode* FlatIndex::maker(const std::string& value) const {
  const auto found = makers_.find(value);
  return found == makers_.end() ? nullptr : found->second;
}

const std::vector<const FlatNode*>& FlatIndex::readers(const std::string& value) const {
  static const std::vector<const FlatNode*> none;
  const auto found = readers_.find(value);
  return found == readers_.end() ? none : found->second;
}

bool is_anonymous(const std::string& tensor) {
  for (const std::string_view begin : {"val_", "onnx::", "_val_", "tmp_", "t_"}) {
    if (tensor.starts_with(begin)) {
      return true;
    }
  }
  return is_digits(tensor);
}

std::int64_t units_of(ModelEdit& edit, const LinearLayer& layer) {
  const wire::AttributeProto* group = layer.node->find("group");
  const bool per_group = layer.kind == Linear::kConvolution && layer.output_axis == 1;
  return edit.header(layer.weight).shape[layer.output_axis] *
         (per_group && group != nullptr ? group->i() : 1);
}

bool is_batchnorm(const FlatNode& node) {
  const std::vector<PlaceOfInput>& places = facts_of(node).places;
  return std::any_of(places.begin(), places.end(),
                     [](const PlaceOfInput& place) { return place.place == Place::kStatistic; });
}

std::string LinearLayer::name() const {
  if (!node->scope.empty()) {
    return node->scope;
  }
  if (!is_anonymous(weight)) {
    return weight.ends_with(".weight") ? weight.substr(0, weight.size() - 7) : weight;
  }
  return node->name.empty() ? weight : node->name;
}

bool LinearLayer::is_meant(const NameTest& test) const {
  return test(weight) || test(name()) || (!node->name.empty() && test(node->name));
}

std::optional<LinearLayer> linear_layer(ModelEdit& edit, const FlatIndex& index,
                                        const FlatNode& node) {
  const OpDef& facts = facts_of(node);
  if (facts.linear == Linear::kNone || node.inlined || node.inputs.size() < 2) {
    return {};
  }
  LinearLayer layer;
  layer.node = &node;
  layer.kind = facts.linear;
  layer.weight = node.inputs[1];
  bool swapped = facts.linear == Linear::kMatrix;  // [in, out]
  if (!facts.weight_transpose.empty()) {
    const wire::AttributeProto* transpose = node.find(facts.weight_transpose.c_str());
    swapped = transpose == nullptr || transpose->i() == 0;
  }
  const FlatNode* maker = index.maker(layer.weight);
  if (maker != nullptr && facts_of(*maker).movement == Movement::kPermute && swaps_two(*maker)) {
    layer.weight = maker->inputs[0];
    swapped = !swapped;
  }
  if (!is_readable(edit, layer.weight) || layer.weight.ends_with(kLoraA) ||
      layer.weight.ends_with(kLoraB)) {
    return {};
  }
  const TensorHeader header = edit.header(layer.weight);
  const bool is_matrix = facts.linear == Linear::kMatrix;
  if (!is_float(header.dtype) || (is_matrix ? header.shape.rank() != 2 : header.shape.rank() < 3)) {
    return {};
  }
  layer.output_axis = swapped || node.op == "ConvTranspose" ? 1 : 0;
  const std::int64_t units = header.shape[layer.output_axis];
  const auto is_bias = [&](const std::string& name) {
    return is_readable(edit, name) && edit.header(name).shape == Shape{units};
  };
  if (node.inputs.size() > 2 && is_bias(node.inputs[2])) {
    layer.bias = node.inputs[2];
  }
  const auto& readers = index.readers(node.outputs[0]);
  if (facts.is_bare_product() && readers.size() == 1 && !edit.is_output(node.outputs[0]) &&
      facts_of(*readers[0]).arithmetic == Arithmetic::kAdd) {
    const FlatNode& add = *readers[0];
    const std::string& other = add.inputs[add.inputs[0] == node.outputs[0] ? 1 : 0];
    if (is_bias(other)) {
      layer.bias = other;
      layer.bias_add = &add;
    }
  }
  return layer;
}

}  // namespace temper::graph
