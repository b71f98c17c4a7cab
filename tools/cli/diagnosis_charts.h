// The charts of a diagnosis.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tools/charts/figure.h"
#include "training/analysis/diagnosis.h"

namespace temper::cli {

// By the names of their files: "steps" (loss and gradient norm), "gradients", "updates", "weights",
// "activations".
std::vector<std::pair<std::string, charts::Figure>> diagnosis_charts(
    const training::Diagnosis& diagnosis);

}  // namespace temper::cli
