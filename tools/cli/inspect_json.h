// What `temper inspect` says as JSON: fields in place of lines.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/base/error.h"
#include "training/analysis/inspection.h"
#include "training/formats/json.h"

namespace temper::cli {

// The file, its inputs, outputs, operators (those of bodies apart) and tensors, what its exporter
// did, what is not supported and what has no gradient.
training::JsonValue inspection_json(const graph::OnnxModel& model,
                                    const training::ModelInspection& inspection,
                                    const training::LayoutReport& layout);

// What a training step takes in batches of one size, or why it cannot be compiled.
struct ShownMemory {
  std::int64_t batch = 0;
  training::MemoryPlan memory = {};
  std::optional<Error> refusal = {};
};

training::JsonValue memory_json(const ShownMemory& shown);

// The steps of a plan with their kernels and why others were not taken.
training::JsonValue kernels_json(const Plan& plan);

// What a step asks of its device.
training::JsonValue work_json(const training::StepWork& work);

}  // namespace temper::cli
