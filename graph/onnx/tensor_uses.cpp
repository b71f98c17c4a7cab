// One pass forward (which values come from stored tensors only) and one backward (what becomes of
// them).
#include "graph/onnx/tensor_uses.h"

#include <unordered_set>

#include "graph/onnx/learned_places.h"
#include "graph/onnx/places.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

void keep_first(std::string& text, const std::string& fresh) {
  if (text.empty()) {
    text = fresh;
  }
}

void merge(TensorUse& use, const TensorUse& more) {
  use.used = use.used || more.used;
  keep_first(use.weight, more.weight);
  keep_first(use.scale, more.scale);
  keep_first(use.bias, more.bias);
  keep_first(use.statistic, more.statistic);
  keep_first(use.other, more.other);
}

std::unordered_set<std::string> stored_values(const FlatGraph& graph,
                                              std::vector<char>& moves_stored) {
  std::unordered_set<std::string> stored;
  for (const auto& [name, tensor] : graph.initializers) {
    stored.insert(name);
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const FlatNode& node = graph.nodes[i];
    const int count = moved_inputs(node);
    bool all = (count > 0 && count <= static_cast<int>(node.inputs.size())) ||
               (node.op == "Constant" && node.domain.empty());
    for (int input = 0; all && input < count; ++input) {
      all = stored.contains(node.inputs[static_cast<std::size_t>(input)]);
    }
    moves_stored[i] = all ? 1 : 0;
    if (all) {
      stored.insert(node.outputs.begin(), node.outputs.end());
    }
  }
  return stored;
}

}  // namespace

std::unordered_map<std::string, TensorUse> find_tensor_uses(const FlatGraph& graph) {
  std::vector<char> moves_stored(graph.nodes.size());
  const std::unordered_set<std::string> stored = stored_values(graph, moves_stored);
  const LearnedPlaces places(graph, stored);
  std::unordered_map<std::string, TensorUse> uses;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const FlatNode& node = graph.nodes[i];
    TensorUse through;
    if (moves_stored[i] != 0) {
      for (const std::string& output : node.outputs) {
        const auto found = uses.find(output);
        if (found != uses.end()) {
          merge(through, found->second);
        }
      }
    }
    for (const int body : node.bodies) {
      for (const std::string& name : graph.bodies[static_cast<std::size_t>(body)].outputs) {
        if (stored.contains(name)) {
          uses[name].used = true;
          keep_first(uses[name].other, concat("given by a body of ", node.label()));
        }
      }
    }
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
      const std::string& name = node.inputs[slot];
      if (name.empty() || !stored.contains(name)) {
        continue;
      }
      TensorUse& use = uses[name];
      use.used = true;
      if (moves_stored[i] != 0 && static_cast<int>(slot) < moved_inputs(node)) {
        merge(use, through);
        continue;
      }
      if (const PlaceOfInput* rule = find_place(node, static_cast<int>(slot))) {
        std::string& text = rule->place == Place::kWeight ? use.weight
                            : rule->place == Place::kBias ? use.bias
                                                          : use.statistic;
        keep_first(text, concat(rule->what, " of ", node.label()));
        continue;
      }
      const LearnedPlace place = places.at(i, slot);
      keep_first(place.kind == LearnedPlace::Kind::kScale  ? use.scale
                 : place.kind == LearnedPlace::Kind::kBias ? use.bias
                                                           : use.other,
                 place.what);
    }
  }
  return uses;
}

}  // namespace temper::graph
