// Matches the arrays of a data file with what the model wants: names, dtypes, row shapes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/data/array_dataset.h"
#include "training/data/open_dataset.h"

namespace temper::training {

// The named arrays of a file or folder, read one at a time.
struct ArraySource {
  std::string path;  // for messages
  std::vector<std::string> names;
  std::function<Tensor(const std::string&)> read;
};

// Inputs first, then targets. THROWS: kInvalidData naming what is missing and what there is.
std::vector<ArrayField> match_arrays(const ArraySource& source, const DataOptions& options);

// The field of one array. `wanted` may leave dtype and shape open.
ArrayField make_array_field(Tensor array, const WantedField& wanted, bool is_target,
                            std::string source, const DataOptions& options);

// Two shapes alike in this differ in dimensions of 1 alone.
Shape without_ones(const Shape& shape);

// The shape rows are delivered in. THROWS: kInvalidData with both shapes when they do not agree.
Shape fit_row_shape(const Shape& stored, const std::optional<Shape>& wanted,
                    const std::string& source);

}  // namespace temper::training
