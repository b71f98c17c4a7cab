// Running statistics of BatchNorm that fit a file's weights.
#pragma once

#include <cstdint>
#include <string>

#include "training/recipe/recipe.h"

namespace temper::training {

// As torch.optim.swa_utils.update_bn (run/update_batchnorm.h) on recipe.data.train, in its order
// and batches of its size: writes the model to `out`, and returns how many statistics there are.
// THROWS: kInvalidArgument for a model without BatchNorm; as Session.
std::int64_t recalibrate_batchnorm(const std::string& model, Recipe recipe, const std::string& out);

}  // namespace temper::training
