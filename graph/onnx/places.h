// What is known of the ops of a file's nodes before they are in a graph: facts of op_def.h.
#pragma once

#include "graph/ir/op_registry.h"
#include "graph/onnx/flatten.h"

namespace temper::graph {

// The node's op, or null. Those of com.microsoft are registered as com.microsoft::NAME, as some
// have the names of others of ONNX.
const OpDef* op_of(const OpRegistry& registry, const FlatNode& node);

// The facts of the node's op, one that has a file in graph/ops or is named here as one that
// still has none; else of an op about which nothing is known.
const OpDef& facts_of(const FlatNode& node);

// QuantizeLinear, DequantizeLinear and the like: the elements stay what they are for training,
// whose gradient goes straight through the rounding.
inline bool rounds(const OpDef& op) {
  return op.movement == Movement::kRound || op.movement == Movement::kUnround;
}

// What a stored tensor is at this input. Null where the input is no such place. Addends are in
// learned_places.h.
const PlaceOfInput* find_place(const FlatNode& node, int input);

// Of an op that only moves elements (Transpose, Reshape, Slice, Expand, ...), or rounds them and
// back, how many inputs, the first ones, carry the data; 0 for all other ops.
int moved_inputs(const FlatNode& node);

// The ops of ONNX without a file in graph/ops whose facts matter all the same: which tensors of a
// model that has them are weights. Such an op moves into its file when it gets one.
const OpRegistry& ops_without_file();

}  // namespace temper::graph
