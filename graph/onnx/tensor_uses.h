// What the tensors of a file are used for: weights, biases, statistics, or something that is not
// trained by default.
#pragma once

#include <string>
#include <unordered_map>

#include "graph/onnx/flatten.h"

namespace temper::graph {

// All uses of one value, seen through Slice, Concat, Transpose, Reshape, Identity and the like when
// nothing but stored tensors goes into them. Each text names one node.
struct TensorUse {
  bool used = false;
  std::string weight;       // "weight of Conv 'conv1'"
  std::string part;         // a weight is computed from it: "part of the weight of Conv 'conv1'"
  std::string constant;     // the left operand of a product of two stored tensors
  std::string scores;       // "added to the scores of Softmax 'attention'"
  std::string joined;       // "joined to the features at Concat 'cat'"
  bool token = false;       // to all of them, along another axis than the last known one
  std::string temperature;  // its exponential is a factor: "temperature at Mul 'scale'"
  std::string scale;        // "scale of the normalisation at Mul 'ln/Mul'": see learned_places.h
  std::string bias;         // an addend: trainable from rank 1 on, unless it is a mask
  std::string statistic;    // "running mean of BatchNormalization 'bn1'"
  std::string other;        // "a factor of Mul 'scale'"
};

// By value name. COST: linear in the graph.
std::unordered_map<std::string, TensorUse> find_tensor_uses(const FlatGraph& graph);

}  // namespace temper::graph
