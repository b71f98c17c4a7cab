// Matches the arrays of a data file with what the model wants: names, dtypes, row shapes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/data/arrays/array_dataset.h"
#include "training/data/open_dataset.h"

namespace temper::training {

// The named arrays of a file or folder, read one at a time.
struct ArraySource {
  std::string path;  // for messages
  std::vector<std::string> names;
  std::function<Tensor(const std::string&)> read;
};

// What targets are mostly called in files, the first the best.
const std::vector<std::string>& usual_targets();

struct MatchedArrays {
  std::vector<ArrayField> fields;  // inputs first, then targets
  std::vector<MadeRows> made;      // inputs that follow from the lengths of others
};

// The array NAME may come with NAME.lengths or NAME.offsets, which say how much of it each row has.
// THROWS: kInvalidData naming what is missing and what there is.
MatchedArrays match_arrays(const ArraySource& source, const DataOptions& options);

// The field of one array. `wanted` may leave dtype and shape open. `sizes`: of its rows, where they
// differ; null: they do not.
ArrayField make_array_field(Tensor array, const WantedField& wanted, bool is_target,
                            std::string source, const DataOptions& options,
                            const RowSizes* sizes = nullptr);

}  // namespace temper::training
