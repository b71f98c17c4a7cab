// What a trial run of a changed model showed, for people and as JSON.
#pragma once

#include <vector>

#include "training/analysis/trial.h"
#include "training/formats/json.h"

namespace temper::cli {

// A line per output. `what`: "trial", "check".
void print_outputs(const char* what, const std::vector<training::TrialOutput>& outputs);

training::JsonValue outputs_json(const std::vector<training::TrialOutput>& outputs);

}  // namespace temper::cli
