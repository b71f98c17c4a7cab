// Sources for the tensors of a model that no name leads to; parts of load_weights().
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/weight_uses.h"

namespace temper::graph {

// What the user says: "model.weight = checkpoint.weight", with ^T behind it for its transpose or
// [FIRST:END] for rows. THROWS: kInvalidArgument for names that are not there, and shapes that do
// not fit.
void apply_map(ModelEdit& edit, const SourceNames& names,
               const std::vector<std::pair<std::string, std::string>>& map, UsesFound& found);

// BatchNorms of the checkpoint that no node stands for: each belongs to the layer that stands in
// front of it in the checkpoint, or has its name, into whose weights the exporter has put it.
// THROWS: kUnsupported when one was folded into a layer and it cannot be told which.
void fold_by_order(ModelEdit& edit, const FlatIndex& index, const SourceNames& names,
                   double epsilon, UsesFound& found);

// Whether a source that is used says the same: a head and an embedding that share their values.
bool is_known_twice(const SourceNames& names, const std::set<int>& used, int source);

// A weight that is another one once more (a head that shares its embedding's); constants computed
// from a table when the file was exported; the only tensors of a shape. The last two are guesses.
void find_the_rest(ModelEdit& edit, const FlatGraph& flat, const SourceNames& names,
                   UsesFound& found);

}  // namespace temper::graph
