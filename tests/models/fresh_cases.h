// Small fresh models of every architecture (tests/models/expected/fresh_models.json).
#pragma once

#include <cstdint>
#include <vector>

#include "models/architecture.h"
#include "training/formats/json.h"

namespace temper {

const std::vector<training::JsonValue>& fresh_cases();
models::FreshModel fresh_model_of(const training::JsonValue& test, std::uint64_t seed = 0);

}  // namespace temper
