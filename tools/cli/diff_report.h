// What `temper diff` found, as text and as JSON.
#pragma once

#include <string>

#include "training/analysis/model_diff.h"
#include "training/formats/json.h"

namespace temper::cli {

std::string diff_text(const training::ModelDiff& diff, double tolerance);
training::JsonValue diff_json(const training::ModelDiff& diff, double tolerance);

}  // namespace temper::cli
