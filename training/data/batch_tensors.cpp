#include "training/data/batch_tensors.h"

namespace temper::training {

Shape batch_shape(const Field& field, std::int64_t rows) {
  Shape shape{rows};
  for (const std::int64_t dim : field.row_shape) {
    shape.push_back(dim);
  }
  return shape;
}

std::vector<Tensor> batch_tensors(const Dataset& data, std::int64_t rows) {
  std::vector<Tensor> tensors;
  for (const Field& field : data.fields()) {
    tensors.emplace_back(field.dtype, batch_shape(field, rows));
  }
  return tensors;
}

}  // namespace temper::training
