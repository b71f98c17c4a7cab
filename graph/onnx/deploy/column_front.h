// What was done to the columns of a table before the model saw them, as nodes in front of its
// input: the file then takes the table's numbers.
#pragma once

#include <vector>

#include "graph/onnx/deploy/front_nodes.h"

namespace temper::graph {

// (x - mean) / deviation of each column, in double and rounded once, as it was for training.
struct ColumnFront {
  std::vector<double> mean, deviation;
  bool fill_missing = false;  // NaN is the mean
};

// The model's only input, [N, columns] of floats. THROWS:
// kUnsupported for another input, or one with another number of columns.
PreparedInput embed_column_front(ModelEdit& edit, const ColumnFront& front);

}  // namespace temper::graph
