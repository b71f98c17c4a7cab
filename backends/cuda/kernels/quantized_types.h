// The types of quantised ops: integers, also narrow ones.
#pragma once

#include <limits>

#include "backends/cuda/device/quantization.h"
#include "runtime/backend/kernel.h"
#include "runtime/base/concat.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/narrow_types.h"

namespace temper::cuda {

// Floats of 8 and 4 bits are tables of the host.
inline Support no_narrow_floats(const OpQuery& query) {
  for (const auto* specs : {&query.inputs, &query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.present() && is_narrow(spec.dtype) && is_narrow_float(spec.dtype)) {
        return Support::no(concat("no ", spec.dtype));
      }
    }
  }
  return Support::yes();
}

inline IntegerRange range_of(DType dtype) {
  if (is_narrow(dtype)) {
    return {narrow_lowest(dtype), narrow_highest(dtype)};
  }
  return visit_integer(dtype, []<class T>() {
    return IntegerRange{static_cast<double>(std::numeric_limits<T>::min()),
                        static_cast<double>(std::numeric_limits<T>::max())};
  });
}

}  // namespace temper::cuda
