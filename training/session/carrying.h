// Runs in which states of the model go on from batch to batch (model.input.NAME.carry): what they
// exclude.
#pragma once

#include <string>
#include <vector>

#include "training/recipe/recipe.h"

namespace temper::training {

bool carries_states(const ModelSettings& settings);

// The rows of a batch go on where those of the batch before ended, so they come in the order of
// time: data.shuffle, unless it was written, becomes false. THROWS: kInvalidArgument for settings
// that need another order or another state.
void settle_carrying(Recipe& recipe, std::vector<std::string>& notes);

// For what looks at one batch: every state begins.
Recipe without_carrying(Recipe recipe);

}  // namespace temper::training
