// The weight-like inputs of ONNX's ops, and the ops that only move elements.
#pragma once

#include <string>
#include <string_view>

#include "graph/onnx/flatten.h"

namespace temper::graph {

enum class Place { kWeight, kBias, kStatistic };

struct PlaceRule {
  std::string_view op;
  int input;
  Place place;
  const char* what;
};

// Null where the input is no such place. Addends are in learned_places.h.
const PlaceRule* find_place(const FlatNode& node, int input);

// Of an op that only moves elements (Transpose, Reshape, Slice, ...) how many inputs, the first
// ones, carry the data; 0 for all other ops.
int moved_inputs(const FlatNode& node);

// Whether the node's output has the elements of its first input, all of them.
bool keeps_all_elements(const FlatNode& node);

}  // namespace temper::graph
