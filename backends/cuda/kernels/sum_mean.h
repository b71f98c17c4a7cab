// Sum and Mean of several tensors that broadcast, some of them at a time.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

inline constexpr int kMostTerms = 8;

struct Terms {
  int count = 0;
  const void* x[kMostTerms] = {};
  Places<kMostTerms> places;
  bool first = true, last = true;
  double divisor = 1;
};

// The first terms begin the sums, the last end in y = sum / divisor, of floats. `sums`: a double
// per element, not used where the first are the last.
void add_terms(const Terms& terms, DType dtype, double* sums, void* y, StreamHandle stream);

}  // namespace temper::cuda
