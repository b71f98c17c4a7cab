// What `temper inspect` says as JSON: fields in place of lines.
#pragma once

#include <cstdint>

#include "training/formats/json.h"
#include "training/inspection.h"

namespace temper::cli {

// The file, its inputs, outputs, operators (those of bodies apart) and tensors, what is not
// supported and what has no gradient.
training::JsonValue inspection_json(const graph::OnnxModel& model,
                                    const training::ModelInspection& inspection);

// The bytes of a training step at one batch size, or why there is none.
training::JsonValue memory_json(training::TrainingPreview& preview, std::int64_t batch);

// The steps of a plan with their kernels and why others were not taken.
training::JsonValue kernels_json(const Plan& plan);

}  // namespace temper::cli
