// A tensor from one layout to another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

// Where the elements of a tensor lie (runtime/base/layout.h): steps of the outer indices, and
// blocks.
struct BlockedSteps {
  int blocks = 0;
  std::int64_t steps[kMaxAxes] = {};
  std::int64_t sizes[kMaxAxes] = {};  // of the blocks, outermost first
  int axes[kMaxAxes] = {};            // of the blocks
};

struct ReorderShape {
  int rank = 0;
  std::int64_t count = 1;
  std::int64_t dims[kMaxAxes] = {};
  BlockedSteps from, to;
};

// Elements of 1 to 8 bytes; what is no element stays.
void reorder(const ReorderShape& shape, std::size_t element_bytes, const void* x, void* y,
             StreamHandle stream);

}  // namespace temper::cuda
