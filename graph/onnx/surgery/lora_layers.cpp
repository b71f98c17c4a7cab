#include "graph/onnx/surgery/lora_layers.h"

#include <algorithm>
#include <map>
#include <string_view>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/lora.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

std::int64_t number_of(const FlatNode& node, const char* name, std::int64_t otherwise) {
  const wire::AttributeProto* found = node.find(name);
  return found == nullptr ? otherwise : found->i();
}

// An op that multiplies by the matrix at input 1 and does more: projections of queries, keys and
// values in one.
std::optional<LinearLayer> joined_layer(ModelEdit& edit, const FlatNode& node) {
  const PlaceOfInput* place =
      node.domain.empty() || node.inlined || node.inputs.size() < 2 ? nullptr : find_place(node, 1);
  if (place == nullptr || place->place != Place::kWeight || find_place(node, 0) != nullptr ||
      edit.find_tensor(node.inputs[1]) == nullptr ||
      edit.header(node.inputs[1]).shape.rank() != 2) {
    return {};
  }
  LinearLayer layer;
  layer.node = &node;
  layer.weight = node.inputs[1];
  layer.output_axis = 1;
  return layer;
}

LoraLayer form_of(const LinearLayer& layer) {
  const FlatNode& node = *layer.node;
  LoraLayer made{layer, LoraForm::kProducts, layer.name(), {}};
  if (layer.kind == Linear::kConvolution) {
    made.form = LoraForm::kConvolution;
    // A Conv that a BatchNormalization was folded into has the path of that.
    if (!is_anonymous(layer.weight) && layer.weight.ends_with(".weight")) {
      made.name = layer.weight.substr(0, layer.weight.size() - 7);
    }
    made.refused = layer.output_axis == 1             ? "it is a transposed convolution"
                   : number_of(node, "group", 1) != 1 ? "it is a convolution in groups"
                   : node.domain.empty()              ? ""
                                                      : "its activation is part of the node";
  } else if (!node.domain.empty()) {
    made.form = LoraForm::kWeight;
    made.refused = node.inputs[1] != layer.weight ? "its weight is transposed by a node" : "";
  } else if (number_of(node, "transA", 0) != 0) {
    made.refused = "its input is transposed";
  }
  return made;
}

const FlatNode* only_reader(const FlatIndex& index, const FlatNode* node) {
  if (node == nullptr) {
    return nullptr;
  }
  const auto& readers = index.readers(node->outputs[0]);
  return readers.size() == 1 ? readers[0] : nullptr;
}

bool reads(const FlatNode* node, const std::string& name) {
  return node != nullptr &&
         std::find(node->inputs.begin(), node->inputs.end(), name) != node->inputs.end();
}

// From the node that reads A on to the sum; false where they are not those of add_lora().
bool follow(LoraPlace& place, const FlatIndex& index) {
  const auto& readers = index.readers(place.a);
  const FlatNode* node = readers.size() == 1 ? readers[0] : nullptr;
  if (node == nullptr) {
    return false;
  }
  if (node->inputs[0] == place.a) {
    place.form = LoraForm::kWeight;
  } else {
    place.form = facts_of(*node).linear == Linear::kConvolution ? LoraForm::kConvolution
                                                                : LoraForm::kProducts;
    const FlatNode* dropout = index.maker(node->inputs[0]);
    if (dropout != nullptr && dropout->outputs[0] == place.layer + kLoraDropped) {
      place.nodes.push_back(dropout);
    }
    place.nodes.push_back(node);
    node = only_reader(index, node);
  }
  if (!reads(node, place.b)) {
    return false;
  }
  place.nodes.push_back(node);
  node = only_reader(index, node);
  if (place.form == LoraForm::kWeight && node != nullptr &&
      facts_of(*node).movement == Movement::kPermute) {
    place.nodes.push_back(node);
    node = only_reader(index, node);
  }
  if (!reads(node, place.factor)) {
    return false;
  }
  place.nodes.push_back(node);
  node = only_reader(index, node);
  if (node == nullptr) {
    return false;
  }
  place.nodes.push_back(node);
  place.base =
      place.form == LoraForm::kWeight ? only_reader(index, node) : index.maker(node->inputs[0]);
  return place.base != nullptr;
}

}  // namespace

std::vector<LoraLayer> lora_layers(ModelEdit& edit, const FlatGraph& flat, const FlatIndex& index) {
  std::vector<LoraLayer> layers;
  std::map<std::string, std::size_t> known;
  for (const FlatNode& node : flat.nodes) {
    auto layer = linear_layer(edit, index, node);
    layer = layer ? layer : joined_layer(edit, node);
    if (!layer) {
      continue;
    }
    LoraLayer made = form_of(*layer);
    const auto same = known.find(made.name);
    if (same != known.end()) {
      LoraLayer& first = layers[same->second];
      const bool is_shared = first.layer.weight == layer->weight;
      if (is_shared && (!node.scope.empty() || node.name.empty())) {
        first.refused = "it is used more than once";
        continue;
      }
      // Two nodes with one weight, or two weights of one module.
      made.name = is_shared                     ? node.name
                  : is_anonymous(layer->weight) ? concat(made.name, "_", layers.size())
                                                : layer->weight;
    }
    known.emplace(made.name, layers.size());
    layers.push_back(made);
  }
  return layers;
}

std::vector<LoraPlace> find_adapters(ModelEdit& edit, const FlatIndex& index) {
  std::vector<LoraPlace> all;
  for (const auto& tensor : edit.graph().initializer()) {
    const std::string& a = tensor.name();
    if (!a.ends_with(kLoraA)) {
      continue;
    }
    LoraPlace one;
    one.a = a;
    one.layer = a.substr(0, a.size() - std::string_view(kLoraA).size());
    one.b = one.layer + kLoraB;
    one.factor = one.layer + kLoraFactor;
    TEMPER_CHECK(edit.find_tensor(one.b) != nullptr && edit.find_tensor(one.factor) != nullptr &&
                     follow(one, index),
                 ErrorCode::kUnsupported, "'", a,
                 "' has the name of an adapter, but its nodes are not those that --lora makes");
    all.push_back(one);
  }
  TEMPER_CHECK(!all.empty(), ErrorCode::kInvalidArgument,
               "the model has no adapters: no tensor's name ends in ", kLoraA);
  return all;
}

}  // namespace temper::graph
