// Room for rows of a data set: what Dataset::read() fills.
#pragma once

#include <cstdint>
#include <vector>

#include "training/data/dataset.h"

namespace temper::training {

// [rows, the field's row shape...]; `length`: at its ragged axis, 0: as the field says.
Shape batch_shape(const Field& field, std::int64_t rows, std::int64_t length = 0);

// A tensor for each field, in their order.
std::vector<Tensor> batch_tensors(const Dataset& data, std::int64_t rows);

}  // namespace temper::training
