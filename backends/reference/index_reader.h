// Indices of either type, i32 or i64, as kernels that pick or place elements read them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/backend/kernel.h"

namespace temper::reference {

struct IndexReader {
  bool is_wide = true;

  explicit IndexReader(DType dtype) : is_wide(dtype == DType::kInt64) {}

  std::int64_t operator()(const void* indices, std::int64_t at) const {
    return is_wide ? static_cast<const std::int64_t*>(indices)[at]
                   : std::int64_t{static_cast<const std::int32_t*>(indices)[at]};
  }
};

// The position on an axis of this size that an index names, negative ones from the end. One out of
// range is noted for whoever runs the kernel, and is -1.
inline std::int64_t position_of(const KernelArgs& args, std::int64_t index, std::int64_t dim) {
  if (index < -dim || index >= dim) {
    args.note_index(index, -dim, dim);
    return -1;
  }
  return index < 0 ? index + dim : index;
}

}  // namespace temper::reference
