// Whole numbers that a file computes from the sizes of its values, in front of Reshape and Expand:
// known in part, element by element.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/value_facts.h"

namespace temper::graph {

struct SizeVector {
  std::vector<std::optional<std::int64_t>> elements;
  bool is_scalar = false;

  bool is_known() const;
};

// int64 vectors and scalars that nodes of the main graph give, of at most 64 elements; stored ones
// are not among them. REQUIRES: nodes stand behind those that they read, as ONNX has it.
std::map<std::string, SizeVector> find_size_vectors(ModelEdit& edit, const ValueFacts& facts);

}  // namespace temper::graph
