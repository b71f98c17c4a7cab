// Model outputs for whole data sets.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/compile/plan_set.h"
#include "training/formats/npz.h"
#include "training/recipe/recipe.h"
#include "training/session/session.h"

namespace temper::training {

// Every output of the model in inference form, by its name, for all rows of `recipe.data.train` in
// their order; in batches of recipe.data.batch_size. THROWS: as Session does; kUnsupported when an
// output has no row per sample and there are several batches. Of samples that differ in length an
// output [N, length, ...] is what each sample has of it, one after another, [sum, ...], with the
// array NAME.lengths; one whose length stands further back has room for the longest, filled with 0.
struct Prediction {
  std::vector<NamedTensor> outputs;
  std::vector<std::string> files;    // of the rows, where each is a file of its own
  std::vector<std::string> classes;  // names in the order of the classes, where they are known
};
Prediction predict(const Recipe& recipe, EngineOptions options = {});

// The outputs of a session whose engine is prepared, with the values it has, for `rows` of `data`
// in this order. `loader`: over them, once, in any order.
std::vector<NamedTensor> predict_rows(Session& session, BatchLoader& loader, const Dataset& data,
                                      std::span<const std::int64_t> rows);

}  // namespace temper::training
