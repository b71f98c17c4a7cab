// What --precision did to a model, for people.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct PrecisionReport {
  int narrow_nodes = 0;                         // in 16 bits
  int converted = 0;                            // tensors
  int copied = 0;                               // tensors in both types
  int casts = 0;                                // that were placed
  std::map<std::string, int> by_nature;         // operators that stay, how often
  std::map<std::string, int> not_allowed;       // by ONNX at this opset
  int asked = 0;                                // nodes of --keep
  std::vector<std::string> outside;             // nodes whose values 16 bits do not hold
  std::vector<std::string> underflow, clamped;  // tensors, with how many of their numbers
};

// The first few, and how many more.
std::string some_of(const std::vector<std::string>& all);

// `type`: "fp16"; `limit`: the largest number of it.
void note_precision(ModelEdit& edit, const PrecisionReport& report, const char* type, double limit);

}  // namespace temper::graph
