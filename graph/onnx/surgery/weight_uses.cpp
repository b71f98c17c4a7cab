// By rank of evidence: the parameters of the call that a node was traced from, the tensor's own
// name, the path of the node's module.
#include "graph/onnx/surgery/weight_uses.h"

#include <algorithm>
#include <map>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/export_trace.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::string_view kWeight = ".weight", kBias = ".bias", kVariance = ".running_var";

bool is_stored_float(ModelEdit& edit, const std::string& name) {
  const wire::TensorProto* tensor = name.empty() ? nullptr : edit.find_tensor(name);
  return tensor != nullptr && unsupported_reason(*tensor).empty() &&
         is_float(graph_dtype(tensor->data_type()));
}

Shape swapped(const Shape& shape) { return shape.rank() == 2 ? Shape{shape[1], shape[0]} : shape; }

std::string without_end(const std::string& name, std::string_view end) {
  return name.ends_with(end) ? name.substr(0, name.size() - end.size()) : std::string{};
}

// "weight" or "bias", of PyTorch, or the statistic's name.
std::string role_of(const PlaceOfInput& place) {
  std::string what = place.what;
  if (what.find(' ') == std::string::npos) {
    what = place.place == Place::kWeight ? "weight" : place.place == Place::kBias ? "bias" : what;
  }
  std::replace(what.begin(), what.end(), ' ', '_');
  return what == "running_variance" ? "running_var" : what;
}

// What the module of a node calls this input; "" where it is no place of a weight.
std::string role_at(const FlatNode& node, std::size_t input) {
  const PlaceOfInput* place = find_place(node, static_cast<int>(input));
  if (place != nullptr && facts_of(node).picking_input >= 0) {
    return "weight";  // of an embedding
  }
  return place == nullptr ? "" : role_of(*place);
}

class Finder {
 public:
  Finder(ModelEdit& edit, const FlatGraph& flat, const FlatIndex& index, const SourceNames& names,
         double epsilon)
      : edit_(edit), flat_(flat), names_(names), epsilon_(epsilon) {
    for (const FlatNode& node : flat.nodes) {
      if (node.inlined) {
        continue;
      }
      if (auto layer = linear_layer(edit, index, node)) {
        const FlatNode* maker = index.maker(node.inputs[1]);
        const bool is_turned = maker != nullptr && layer->weight != node.inputs[1];
        weights_[{is_turned ? maker : &node, layer->weight}] = *layer;
        if (!layer->bias.empty()) {
          biases_[{layer->bias_add != nullptr ? layer->bias_add : &node, layer->bias}] = *layer;
        }
        layers_.push_back(*layer);
      }
    }
    count_turned();
  }

  UsesFound find() {
    UsesFound found;
    for (const FlatNode& node : flat_.nodes) {
      for (std::size_t i = 0; i < node.inputs.size() && !node.inlined; ++i) {
        if (is_stored_float(edit_, node.inputs[i])) {
          found.uses.push_back({&node, i, node.inputs[i], source_of(node, i)});
        }
      }
    }
    find_missing(found);
    return found;
  }

 private:
  using Key = std::pair<const FlatNode*, std::string>;

  const LinearLayer* layer_at(const std::map<Key, LinearLayer>& from, const FlatNode& node,
                              const std::string& tensor) const {
    const auto found = from.find({&node, tensor});
    return found == from.end() ? nullptr : &found->second;
  }

  Shape shape_of(int source) const { return names_.at(source).shape; }

  // Square matrices named as in the checkpoint: turned if the others of the file are.
  void count_turned() {
    for (const auto& [key, layer] : weights_) {
      const int source = names_.find(layer.weight);
      const Shape shape = edit_.header(layer.weight).shape;
      if (source != kNoSource && layer.kind == Linear::kMatrix && layer.output_axis == 1 &&
          shape[0] != shape[1]) {
        turned_votes_ += shape_of(source) == swapped(shape) ? 1
                         : shape_of(source) == shape        ? -1
                                                            : 0;
      }
    }
  }

  std::optional<Assignment> source_of(const FlatNode& node, std::size_t input) {
    const std::string& tensor = node.inputs[input];
    if (const LinearLayer* layer = layer_at(weights_, node, tensor)) {
      return weight_of(*layer);
    }
    if (const LinearLayer* layer = layer_at(biases_, node, tensor)) {
      return bias_of(*layer);
    }
    const Shape shape = edit_.header(tensor).shape;
    if (const auto traced = traced_parameter(node, input, shape)) {
      return traced;
    }
    // Equal tensors are written once, with an Identity for each other name.
    int source =
        facts_of(node).movement == Movement::kSame ? names_.find(node.outputs[0]) : kNoSource;
    source = source == kNoSource ? names_.find(tensor) : source;
    if (source != kNoSource && shape_of(source) == shape) {
      return Assignment{.source = source, .how = "name"};
    }
    return by_module(node, input, shape);
  }

  std::optional<Assignment> by_module(const FlatNode& node, std::size_t input, const Shape& shape) {
    const std::string role = role_at(node, input);
    const std::string path = module_path(node);
    if (role.empty() || path.empty()) {
      return {};
    }
    const int source = names_.find(path + "." + role);
    if (source == kNoSource || shape_of(source) != shape) {
      return {};
    }
    return Assignment{.source = source, .how = "module"};
  }

  // Parameters of the traced call that fit this input: told apart by the op's own order, or by what
  // the place is.
  std::optional<Assignment> traced_parameter(const FlatNode& node, std::size_t input,
                                             const Shape& shape) {
    std::vector<int> fitting;
    for (const std::string& name : traced_call(node).parameters) {
      const int source = names_.find_placeholder(name);
      if (source != kNoSource && shape_of(source) == shape) {
        fitting.push_back(source);
      }
    }
    std::size_t place = 0, places = 0;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (is_stored_float(edit_, node.inputs[i]) && edit_.header(node.inputs[i]).shape == shape) {
        place = i == input ? places : place;
        ++places;
      }
    }
    const auto made = [&](int source) {
      const bool same = names_.find(node.inputs[input]) == source;
      return Assignment{.source = source, .how = same ? "name" : "module"};
    };
    if (!fitting.empty() && fitting.size() == places) {
      return made(fitting[place]);
    }
    const PlaceOfInput* what = find_place(node, static_cast<int>(input));
    if (what != nullptr) {
      const std::string end = "." + role_of(*what);
      const auto fits = [&](int source) { return names_.short_name(source).ends_with(end); };
      if (std::count_if(fitting.begin(), fitting.end(), fits) == 1) {
        return made(*std::find_if(fitting.begin(), fitting.end(), fits));
      }
    }
    return {};
  }

  // The traced norm that a layer's node stands for now.
  std::optional<FoldedNorm> norm_behind(const LinearLayer& layer) {
    const TracedCall call = traced_call(*layer.node);
    const bool says = call.is("batch_norm");
    if (!says) {
      return {};
    }
    for (const std::string& name : call.parameters) {
      const int source = names_.find_placeholder(name);
      const std::string module =
          source == kNoSource ? "" : without_end(names_.short_name(source), kVariance);
      if (auto norm = module.empty() ? std::nullopt : norm_of(names_, module)) {
        if (call.last_number) {
          norm->epsilon = *call.last_number;
          norm->epsilon_from = "the file";
        } else if (norm->epsilon_from.empty()) {
          norm->epsilon = epsilon_;
          norm->epsilon_from = "assumed";
        }
        return norm;
      }
    }
    return {};
  }

  int weight_source(const LinearLayer& layer, std::string& how) {
    const TracedCall call = traced_call(*layer.node);
    const Shape shape = edit_.header(layer.weight).shape;
    const int named = names_.find(layer.weight);
    if (!call.is("batch_norm")) {
      for (const std::string& name : call.parameters) {
        const int source = names_.find_placeholder(name);
        if (source != kNoSource &&
            (shape_of(source) == shape || shape_of(source) == swapped(shape))) {
          how = source == named ? "name" : "module";
          return source;
        }
      }
    }
    how = "name";
    if (named != kNoSource) {
      return named;
    }
    how = "module";
    if (call.is("batch_norm")) {
      return kNoSource;
    }
    const std::string path = module_path(*layer.node);
    const int of_module = names_.find(path + std::string(kWeight));
    const int projection = names_.find(path + ".in_proj_weight");  // of MultiheadAttention
    return of_module == kNoSource && projection != kNoSource &&
                   shape_of(projection) == swapped(shape)
               ? projection
               : of_module;
  }

  bool is_turned(const LinearLayer& layer, int source, const std::string& how) const {
    if (layer.kind != Linear::kMatrix) {
      return false;
    }
    const Shape shape = edit_.header(layer.weight).shape;
    if (shape[0] != shape[1]) {
      return shape_of(source) == swapped(shape);
    }
    const TracedCall call = traced_call(*layer.node);
    // No module calls a parameter by a name that the exporter made up: it is of such a file.
    const bool is_of_file = is_anonymous(layer.weight) && names_.find(layer.weight) == source;
    if (layer.output_axis == 0 || is_of_file) {
      return false;
    }
    if (!call.target.empty()) {
      return call.is("linear");
    }
    return how == "module" || turned_votes_ > 0;
  }

  std::optional<Assignment> weight_of(const LinearLayer& layer) {
    Assignment made;
    made.source = weight_source(layer, made.how);
    if (made.source == kNoSource) {
      return {};
    }
    made.norm = norm_behind(layer);
    made.turned = is_turned(layer, made.source, made.how);
    made.channel_axis = layer.output_axis;
    if (layer.kind == Linear::kConvolution && layer.output_axis == 1) {
      made.groups = units_of(edit_, layer) / edit_.header(layer.weight).shape[1];
    }
    const Shape shape = edit_.header(layer.weight).shape;
    if ((made.turned ? swapped(shape_of(made.source)) : shape_of(made.source)) != shape) {
      return {};
    }
    return made;
  }

  // Of a layer whose weight is known. Nothing: the checkpoint has none.
  std::optional<Assignment> bias_of(const LinearLayer& layer) {
    const Shape units{units_of(edit_, layer)};
    const auto fits = [&](int source) { return source != kNoSource && shape_of(source) == units; };
    Assignment made{.how = "module"};
    std::string how;
    const int weight = weight_source(layer, how);
    const std::string path = weight == kNoSource ? module_path(*layer.node)
                                                 : without_end(names_.short_name(weight), kWeight);
    made.norm = norm_behind(layer);
    const TracedCall call = traced_call(*layer.node);
    for (const std::string& name : call.parameters) {
      const int source = names_.find_placeholder(name);
      if (!made.norm && fits(source)) {
        made.source = source;
      }
    }
    if (made.source == kNoSource && !path.empty() && fits(names_.find(path + std::string(kBias)))) {
      made.source = names_.find(path + std::string(kBias));
    }
    const int named = names_.find(layer.bias);
    if (made.source == kNoSource && fits(named) && !made.norm) {
      made.source = named;
    }
    made.how = made.source != kNoSource && made.source == named ? "name" : "module";
    made.is_shift = made.norm.has_value();
    if (!made.is_shift && made.source == kNoSource) {
      return {};
    }
    return made;
  }

  void find_missing(UsesFound& found) {
    std::set<int> used;
    for (const WeightUse& use : found.uses) {
      if (use.from) {
        used.insert(use.from->source);
      }
    }
    for (const LinearLayer& layer : layers_) {
      const bool has_input = layer.node->inputs.size() > 2 && !layer.node->inputs[2].empty();
      const auto bias = layer.bias.empty() && !has_input ? bias_of(layer) : std::nullopt;
      if (bias && weight_of(layer) && (bias->is_shift || !used.contains(bias->source))) {
        found.missing.push_back({layer.node, layer, layer.weight, *bias});
      }
    }
    // Normalisations of one node.
    for (const WeightUse& use : found.uses) {
      const PlaceOfInput* bias = find_place(*use.node, 2);
      const bool is_norm = use.from && use.input == 1 && bias != nullptr &&
                           bias->place == Place::kBias &&
                           !weights_.contains({use.node, use.tensor});
      const bool is_there = use.node->inputs.size() > 2 && !use.node->inputs[2].empty();
      const std::string path =
          is_norm && !is_there ? without_end(names_.short_name(use.from->source), kWeight) : "";
      const int source = path.empty() ? kNoSource : names_.find(path + std::string(kBias));
      if (source != kNoSource && !used.contains(source)) {
        found.missing.push_back(
            {use.node, std::nullopt, use.tensor, Assignment{.source = source, .how = "module"}});
      }
    }
  }

  ModelEdit& edit_;
  const FlatGraph& flat_;
  const SourceNames& names_;
  double epsilon_;
  std::map<Key, LinearLayer> weights_;
  std::map<Key, LinearLayer> biases_;
  std::vector<LinearLayer> layers_;
  int turned_votes_ = 0;
};

}  // namespace

std::optional<FoldedNorm> norm_of(const SourceNames& names, const std::string& module) {
  FoldedNorm norm;
  norm.module = module;
  norm.variance = names.find(module + std::string(kVariance));
  norm.mean = names.find(module + ".running_mean");
  norm.scale = names.find(module + std::string(kWeight));
  norm.shift = names.find(module + std::string(kBias));
  if (norm.variance == kNoSource || norm.mean == kNoSource) {
    return {};
  }
  if (const auto epsilon = names.epsilon(module)) {
    norm.epsilon = *epsilon;
    norm.epsilon_from = "the checkpoint";
  }
  return norm;
}

std::vector<std::string> names_of_weights(ModelEdit& edit, const FlatGraph& flat) {
  std::set<std::string> names;
  for (const FlatNode& node : flat.nodes) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (!is_stored_float(edit, node.inputs[i])) {
        continue;
      }
      if (!is_anonymous(node.inputs[i])) {
        names.insert(node.inputs[i]);
      }
      const std::string role = role_at(node, i);
      const std::string path = module_path(node);
      if (!role.empty() && !path.empty()) {
        names.insert(path + "." + role);
      }
    }
  }
  return {names.begin(), names.end()};
}

UsesFound find_weight_uses(ModelEdit& edit, const FlatGraph& flat, const FlatIndex& index,
                           const SourceNames& names, double epsilon) {
  return Finder(edit, flat, index, names, epsilon).find();
}

}  // namespace temper::graph
