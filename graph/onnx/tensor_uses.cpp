// One pass forward (which values come from stored tensors only) and one backward (what becomes of
// them).
#include "graph/onnx/tensor_uses.h"

#include <string_view>
#include <unordered_set>

#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

enum class Place { kWeight, kBias, kStatistic };

struct PlaceRule {
  std::string_view op;
  int input;
  Place place;
  const char* what;
};

// Weight-like places. An op without kernels may stand here: it costs nothing and new ops find their
// row.
constexpr PlaceRule kPlaces[] = {
    {"Conv", 1, Place::kWeight, "weight"},
    {"Conv", 2, Place::kWeight, "bias"},
    {"ConvTranspose", 1, Place::kWeight, "weight"},
    {"ConvTranspose", 2, Place::kWeight, "bias"},
    {"Gemm", 0, Place::kWeight, "weight"},
    {"Gemm", 1, Place::kWeight, "weight"},
    {"Gemm", 2, Place::kBias, "bias"},
    {"MatMul", 0, Place::kWeight, "weight"},
    {"MatMul", 1, Place::kWeight, "weight"},
    {"BatchNormalization", 1, Place::kWeight, "scale"},
    {"BatchNormalization", 2, Place::kWeight, "bias"},
    {"BatchNormalization", 3, Place::kStatistic, "running mean"},
    {"BatchNormalization", 4, Place::kStatistic, "running variance"},
    {"LayerNormalization", 1, Place::kWeight, "scale"},
    {"LayerNormalization", 2, Place::kWeight, "bias"},
    {"GroupNormalization", 1, Place::kWeight, "scale"},
    {"GroupNormalization", 2, Place::kWeight, "bias"},
    {"InstanceNormalization", 1, Place::kWeight, "scale"},
    {"InstanceNormalization", 2, Place::kWeight, "bias"},
    {"RMSNormalization", 1, Place::kWeight, "scale"},
    {"PRelu", 1, Place::kWeight, "slope"},
    {"Gather", 0, Place::kWeight, "embedding table"},
    {"LSTM", 1, Place::kWeight, "weight"},
    {"LSTM", 2, Place::kWeight, "recurrent weight"},
    {"LSTM", 3, Place::kWeight, "bias"},
    {"GRU", 1, Place::kWeight, "weight"},
    {"GRU", 2, Place::kWeight, "recurrent weight"},
    {"GRU", 3, Place::kWeight, "bias"},
    {"RNN", 1, Place::kWeight, "weight"},
    {"RNN", 2, Place::kWeight, "recurrent weight"},
    {"RNN", 3, Place::kWeight, "bias"},
    {"Add", 0, Place::kBias, "addend"},
    {"Add", 1, Place::kBias, "addend"},
    {"Sum", -1, Place::kBias, "addend"},
};

// Ops that only move elements, with the number of inputs that carry data (-1: all).
struct Mover {
  std::string_view op;
  int data_inputs;
};
constexpr Mover kMovers[] = {
    {"Identity", 1},  {"Transpose", 1}, {"Reshape", 1}, {"Flatten", 1}, {"Squeeze", 1},
    {"Unsqueeze", 1}, {"Slice", 1},     {"Split", 1},   {"Concat", -1}, {"Cast", 1},
};

int data_inputs(const FlatNode& node) {
  if (node.domain.empty()) {
    for (const Mover& mover : kMovers) {
      if (mover.op == node.op) {
        return mover.data_inputs < 0 ? static_cast<int>(node.inputs.size()) : mover.data_inputs;
      }
    }
  }
  return 0;
}

const PlaceRule* find_place(const FlatNode& node, int input) {
  if (node.domain.empty()) {
    for (const PlaceRule& rule : kPlaces) {
      if (rule.op == node.op && (rule.input == input || rule.input < 0)) {
        return &rule;
      }
    }
  }
  return nullptr;
}

void keep_first(std::string& text, const std::string& fresh) {
  if (text.empty()) {
    text = fresh;
  }
}

void merge(TensorUse& use, const TensorUse& more) {
  use.used = use.used || more.used;
  keep_first(use.weight, more.weight);
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
    const int count = data_inputs(node);
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
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
      const std::string& name = node.inputs[slot];
      if (name.empty() || !stored.contains(name)) {
        continue;
      }
      TensorUse& use = uses[name];
      use.used = true;
      if (moves_stored[i] != 0 && static_cast<int>(slot) < data_inputs(node)) {
        merge(use, through);
        continue;
      }
      const PlaceRule* rule = find_place(node, static_cast<int>(slot));
      if (rule == nullptr) {
        const bool factor = node.op == "Mul" || node.op == "Div";
        keep_first(use.other, factor ? concat("a factor of ", node.label())
                                     : concat("input ", slot, " of ", node.label()));
        continue;
      }
      std::string& text = rule->place == Place::kWeight ? use.weight
                          : rule->place == Place::kBias ? use.bias
                                                        : use.statistic;
      keep_first(text, concat(rule->what, " of ", node.label()));
    }
  }
  return uses;
}

}  // namespace temper::graph
