// The check of targets that are label sequences, [N, S] with numbers below 0 behind a row's last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "training/data/dataset.h"

namespace temper::training {

struct LabelSequenceRules {
  std::int64_t classes = 0;
  std::int64_t blank = 0;         // the class that is no label
  std::int64_t frames = 0;        // of the output a row's labels are aligned with
  bool allows_impossible = true;  // rows with more labels than frames
};

// `lengths`: the field with the number of frames of each row; none: all of them. COST: all rows are
// read once. THROWS: kInvalidData with file, row and value.
void check_label_sequences(const Dataset& data, std::size_t field,
                           std::optional<std::size_t> lengths, const LabelSequenceRules& rules);

}  // namespace temper::training
