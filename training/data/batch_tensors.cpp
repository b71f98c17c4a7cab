#include "training/data/batch_tensors.h"

namespace temper::training {

Shape batch_shape(const Field& field, std::int64_t rows, std::int64_t length) {
  Shape shape{rows};
  for (int axis = 0; axis < field.row_shape.rank(); ++axis) {
    const bool changes = length > 0 && axis == field.ragged_axis;
    shape.push_back(changes ? length : field.row_shape[axis]);
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
