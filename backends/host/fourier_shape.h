// What DFT and its transpose are asked for.
#pragma once

#include <algorithm>

#include "backends/common/fourier_shape.h"
#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper {

inline Fourier fourier_of(const Attrs& attrs, const Shape& x, const Shape& y) {
  Fourier f;
  const int axis = static_cast<int>(attrs.get_int("axis", 0));
  const int last = x.rank() - 1;
  const bool inverse = attrs.get_int("inverse", 0) != 0;
  f.length = attrs.get_int("dft_length", 1);
  f.x_size = x[axis];
  f.y_size = y[axis];
  f.x_parts = x[last];
  f.y_parts = y[last];
  f.turn = inverse ? 1 : -1;
  f.to_real = inverse && attrs.get_int("onesided", 0) != 0;
  f.read = std::min(f.x_size, f.to_real ? f.length / 2 + 1 : f.length);
  f.outer = x.count(0, axis);
  f.inner = x.count(axis + 1, last);
  return f;
}

}  // namespace temper
