// MaxUnpool and its gradient: places count in the tensor that was pooled, which lies at the front
// of the output.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"
#include "backends/cuda/device/places.h"

namespace temper::cuda {

struct UnpoolPlaces {
  Places<1> pooled;  // from a place to where it lies in the output
  std::int64_t count;
  const std::int64_t* places;
  DeviceFault* fault;
};

// y = x at its places, 0 elsewhere. Of places that are the same the last one counts. `last`: a
// number per element of y.
void max_unpool(const UnpoolPlaces& places, std::size_t element_bytes, const void* x, void* y,
                std::int64_t outputs, long long* last, StreamHandle stream);
void max_unpool_grad(const UnpoolPlaces& places, std::size_t element_bytes, const void* dy,
                     void* dx, StreamHandle stream);

}  // namespace temper::cuda
