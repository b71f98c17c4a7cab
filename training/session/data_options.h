// From the recipe's [data] and the model's inputs to what is asked of a data file.
#pragma once

#include <string>

#include "graph/ir/graph.h"
#include "training/data/open_dataset.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// The data that a model's inputs ask for, read as [data] says; a target is required. An input that
// the data need not hold, as it follows from the samples' lengths, is told by [data.field.NAME], by
// what takes it (sequence_lens of a recurrent operator) or by its name. THROWS: kInvalidArgument
// for a field of the recipe that is no input.
DataOptions data_options(const graph::Graph& graph, const Recipe& recipe);

// The kind of data.train, as data.format names it. THROWS: as find_data().
std::string data_format(const Recipe& recipe);

// Where the preparation of the data is kept with a model: "best.onnx" -> "best.preprocessing.json".
std::string preprocessing_path(const std::string& model_path);

}  // namespace temper::training
