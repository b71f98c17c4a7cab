// What the shape rules of ops that pick or place elements by index check of the indices.
#pragma once

#include "graph/ir/infer_context.h"

namespace temper::graph {

inline void require_index_type(const InferContext& c, int input = 1) {
  c.check(c.dtype(input) == DType::kInt32 || c.dtype(input) == DType::kInt64,
          "indices must be i32 or i64, but are ", c.dtype(input));
}

inline void check_index(const InferContext& c, std::int64_t index, std::int64_t dim) {
  c.check(index >= -dim && index < dim, "index ", index, " is out of range for an axis of size ",
          dim);
}

// Indices along an axis of this size; those that the graph computes are checked when it runs.
inline void check_indices(const InferContext& c, std::int64_t dim, int input = 1) {
  require_index_type(c, input);
  if (const Tensor* known = c.constant(input)) {
    for (const std::int64_t index : known->values<std::int64_t>()) {
      check_index(c, index, dim);
    }
  }
}

// Of GatherElements and ScatterElements: as many dimensions as the data has, none larger but along
// attribute `axis`, which is made positive.
inline void check_element_indices(InferContext& c) {
  const Shape data = c.shape(0), indices = c.shape(1);
  c.check(data.rank() > 0, c.node().op->name(), " of a scalar");
  c.check(indices.rank() == data.rank(), "indices have the shape ", indices, " for data ", data,
          ": their ranks differ");
  const int axis = static_cast<int>(c.axis("axis", 0, data.rank()));
  for (int a = 0; a < data.rank(); ++a) {
    c.check(a == axis || indices[a] <= data[a], "indices have the shape ", indices,
            ", which exceeds the data's ", data, " along axis ", a);
  }
  check_indices(c, data[axis]);
}

// Of GatherND and ScatterND: tuples along the last axis of input 1, behind `batch_dims` dimensions
// in common with the data. The shape of the slices they name together.
inline Shape slices_of_tuples(InferContext& c) {
  const Shape data = c.shape(0), indices = c.shape(1);
  const std::int64_t batch = c.attrs().get_int("batch_dims", 0);
  c.check(data.rank() > 0 && indices.rank() > 0, c.node().op->name(), " with data ", data,
          " and indices ", indices, ", expected no scalars");
  c.check(batch >= 0 && batch < data.rank() && batch < indices.rank(), "batch_dims is ", batch,
          " for data ", data, " and indices ", indices);
  c.attrs().set("batch_dims", batch);
  const int first = static_cast<int>(batch);
  const int last = indices.rank() - 1;
  const std::int64_t tuple = indices[last];
  c.check(tuple >= 1 && tuple <= data.rank() - first, "tuples of ", tuple, " indices for data ",
          data, " behind ", batch, " batch dimensions");
  Shape slices;
  for (int a = 0; a < last; ++a) {
    c.check(a >= first || indices[a] == data[a], "indices ", indices, " and data ", data,
            " differ in batch dimension ", a);
    slices.push_back(indices[a]);
  }
  for (int a = first + static_cast<int>(tuple); a < data.rank(); ++a) {
    slices.push_back(data[a]);
  }
  require_index_type(c);
  if (const Tensor* known = c.constant(1)) {
    std::int64_t at = 0;
    for (const std::int64_t index : known->values<std::int64_t>()) {
      check_index(c, index, data[first + static_cast<int>(at++ % tuple)]);
    }
  }
  return slices;
}

}  // namespace temper::graph
