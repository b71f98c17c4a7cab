// Rows of a data set as a batch, for the tests of data.
#pragma once

#include <cstdint>
#include <vector>

#include "training/data/dataset.h"

namespace temper::training {

// With an epoch: as they are read for training in it.
inline std::vector<Tensor> batch_of(const Dataset& data, const std::vector<std::int64_t>& rows,
                                    std::int64_t epoch = -1) {
  std::vector<Tensor> out;
  for (const Field& field : data.fields()) {
    Shape shape{static_cast<std::int64_t>(rows.size())};
    for (const std::int64_t dim : field.row_shape) {
      shape.push_back(dim);
    }
    out.emplace_back(field.dtype, shape);
  }
  epoch < 0 ? data.read(rows, out) : data.read_training(rows, epoch, out);
  return out;
}

}  // namespace temper::training
