// Checks of whole arrays when a data set is opened, so that bad values are errors with a place and
// not a diverging loss hours later.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "runtime/memory/tensor.h"

namespace temper::training {

// Names the place of a row in messages.
using RowName = std::function<std::string(std::int64_t row)>;

// Every value must be finite, also as `delivered`. REQUIRES: plain layout, rank 1 or more.
// THROWS: kInvalidData with the row and the value.
void check_finite(const Tensor& array, DType delivered, const RowName& where);

// Every value must survive the conversion to the integer or bool type `delivered`.
// THROWS: kInvalidData with the row and the value.
void check_exact(const Tensor& array, DType delivered, const RowName& where);

}  // namespace temper::training
