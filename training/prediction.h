// Model outputs for whole data sets.
#pragma once

#include <vector>

#include "training/formats/npz.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// Every output of the model in inference form, by its name, for all rows of `recipe.data.train` in
// their order; in batches of recipe.data.batch_size. THROWS: as Session does; kUnsupported when an
// output has no row per sample and there are several batches.
std::vector<NamedTensor> predict(const Recipe& recipe);

}  // namespace temper::training
