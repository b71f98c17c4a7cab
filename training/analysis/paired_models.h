// Two models on the same inputs: made-up ones, or the first batch of a data set.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "training/analysis/layer_diff.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct BoundPair {
  BoundModel a;
  BoundModel b;
  std::string inputs;  // what they are, for people: "made-up inputs: x f32[2,3]"
};

// Inputs belong together by name, else by their order. A dimension that one of both leaves open has
// the other one's size; then what `symbols` say, then 2 for samples and 8. THROWS: as
// build_graph(); kInvalidArgument for inputs that do not fit.
BoundPair pair_on_made_up(const graph::OnnxModel& a, const graph::OnnxModel& b,
                          const std::map<std::string, std::int64_t>& symbols,
                          const Backend& reference);

// `recipe`: of data and how they are read; its model is replaced by each of both. THROWS: as
// Session.
BoundPair pair_on_data(const std::string& a, const std::string& b, const Recipe& recipe,
                       const Backend& reference);

}  // namespace temper::training
