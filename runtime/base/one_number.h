// Whether a scale or a zero point is one number for all, rather than a tensor of them.
#pragma once

#include "runtime/base/shape.h"

namespace temper {

inline bool is_one_number(const Shape& shape) {
  return shape.element_count() == 1 && shape.rank() <= 1;
}

}  // namespace temper
