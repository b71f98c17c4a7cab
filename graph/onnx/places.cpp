#include "graph/onnx/places.h"

namespace temper::graph {
namespace {

// An op without kernels may stand here: it costs nothing and new ops find their row.
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
};

struct Mover {
  std::string_view op;
  int data_inputs;  // -1: all
  bool keeps_all;
};
constexpr Mover kMovers[] = {
    {"Identity", 1, true}, {"Transpose", 1, true}, {"Reshape", 1, true}, {"Flatten", 1, true},
    {"Squeeze", 1, true},  {"Unsqueeze", 1, true}, {"Cast", 1, true},    {"Slice", 1, false},
    {"Split", 1, false},   {"Concat", -1, false},
};

const Mover* find_mover(const FlatNode& node) {
  if (node.domain.empty()) {
    for (const Mover& mover : kMovers) {
      if (mover.op == node.op) {
        return &mover;
      }
    }
  }
  return nullptr;
}

}  // namespace

const PlaceRule* find_place(const FlatNode& node, int input) {
  if (node.domain.empty()) {
    for (const PlaceRule& rule : kPlaces) {
      if (rule.op == node.op && rule.input == input) {
        return &rule;
      }
    }
  }
  return nullptr;
}

int moved_inputs(const FlatNode& node) {
  const Mover* mover = find_mover(node);
  return mover == nullptr         ? 0
         : mover->data_inputs < 0 ? static_cast<int>(node.inputs.size())
                                  : mover->data_inputs;
}

bool keeps_all_elements(const FlatNode& node) {
  const Mover* mover = find_mover(node);
  return mover != nullptr && mover->keeps_all;
}

}  // namespace temper::graph
