// Resize and its gradient: axes are independent, so one is resized after the other, in double. The
// nearest element is moved as it is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/common/resize_sampling.h"
#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// What each element of the output takes along one axis: `taps` elements of the input from `first`
// on; those outside stand for the ones at the ends.
struct ResizeTables {
  std::int64_t* first;  // per element of the output; kOutsideRegion where nothing is taken
  double* weights;      // `taps` each
};
inline constexpr std::int64_t kOutsideRegion = std::int64_t{-1} << 62;

void fill_tables(const ResizeRule& rule, const ResizedAxis& axis, const ResizeTables& tables,
                 StreamHandle stream);

// One axis of a tensor: [outer, in, inner] and [outer, out, inner].
struct ResizePass {
  ResizedAxis axis;
  std::int64_t outer, inner;
  DType from, to;
  double outside;
  bool ordered;  // places grow with the outputs
};
// y = A x, or dx = A^T dy.
void resize_pass(const ResizePass& pass, const ResizeTables& tables, bool backward,
                 const void* from, void* to, StreamHandle stream);

// Elements as they are: which of the input each of the output is, along resized axes by `first`.
struct ResizeMove {
  Places<1> output;                     // one axis each; steps are those of the input
  const std::int64_t* first[kMaxAxes];  // null: the axis stays
};
void resize_moving(const ResizeMove& move, std::size_t element_bytes, std::uint64_t fill,
                   const void* x, void* y, StreamHandle stream);

}  // namespace temper::cuda
