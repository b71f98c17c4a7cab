// Whether a target found in the data has the form that a loss takes for the model's output.
#pragma once

#include <cstdint>
#include <string>

#include "training/data/dataset.h"
#include "training/losses/loss.h"

namespace temper::training {

// The shape of a sample, and "[N,3]" of such a shape.
Shape row_of(const Shape& batch_shape);
std::string as_batch(const Shape& row);

// The loss's output has a row for each sample of a batch of `batch`. THROWS: kInvalidArgument
// saying how to get there.
void check_output_rows(const Loss& loss, const Attrs& parameters, const std::string& name,
                       const Shape& output, std::int64_t batch);

struct FoundTarget {
  const Field& field;
  bool named = false;  // in the recipe: then delivered in the form its loss takes
  std::string data;    // its file, for messages
};

// What to tell people where the target is taken in another form than it has; empty: it has the form
// itself. Nothing is ever broadcast. `output`: batch first. THROWS: kInvalidArgument with both
// shapes and what to change.
std::string check_target(const Loss& loss, const TargetSpec& spec, const Shape& output,
                         const FoundTarget& found);

}  // namespace temper::training
