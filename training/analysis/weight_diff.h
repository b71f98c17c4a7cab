// The stored tensors of two files side by side: by name, and where a name is gone, by content.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/structure.h"
#include "training/analysis/tensor_difference.h"

namespace temper::training {

struct WeightPair {
  std::string a;  // names
  std::string b;
  Shape shape_a;
  Shape shape_b;
  std::string type_a;
  std::string type_b;
  // Empty: shapes differ, or one cannot be read, which `trouble` says.
  std::optional<TensorDifference> difference;
  std::string trouble;

  bool is_renamed() const { return a != b; }
  bool equal() const { return difference && difference->equal && type_a == type_b; }
  bool within(double tolerance) const { return difference && difference->within(tolerance); }
};

struct LoneWeight {
  std::string name;
  std::string type;
  Shape shape;
};

struct WeightDiff {
  std::vector<WeightPair> pairs;  // in the order of the first file, renamed ones behind
  std::vector<LoneWeight> only_a;
  std::vector<LoneWeight> only_b;

  // Nothing is left over, and all are near enough to each other.
  bool within(double tolerance) const;
};

// Of names that only one file has, tensors of equal type, shape and bytes are the same one renamed:
// in the order of the files where several are. COST: two tensors at a time are in memory.
WeightDiff diff_weights(const std::vector<graph::StoredWeight>& a,
                        const std::vector<graph::StoredWeight>& b);

// Of checkpoints, whose types are those of their tensors.
std::vector<graph::StoredWeight> as_weights(std::vector<UnreadTensor> tensors);

}  // namespace temper::training
