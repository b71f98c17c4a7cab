// A batch made up for a model: for timing its training where there are no data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "runtime/backend/backend.h"
#include "training/formats/npz.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// Arrays by the names of the model's inputs, and `target` in the form that the recipe's loss takes,
// without one that guess_loss() takes: random numbers, whole ones below what they pick or count.
// `sizes`: of open dimensions beside the batch, by name; others are chosen so that the model can be
// made. THROWS: kInvalidArgument, kInvalidModel, kUnsupported where it cannot.
std::vector<NamedTensor> make_batch(const graph::OnnxModel& model, const Recipe& recipe,
                                    std::int64_t rows,
                                    const std::map<std::string, std::int64_t>& sizes,
                                    const Backend& reference);

}  // namespace temper::training
