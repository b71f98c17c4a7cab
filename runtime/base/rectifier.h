// What the attributes `relu` and `ceiling` make of an op's output: nothing, max(y, 0), or that and
// no more than the ceiling (ReLU6).
#pragma once

#include <limits>

#include "runtime/base/attrs.h"

namespace temper {

struct Rectifier {
  bool on = false;
  double ceiling = std::numeric_limits<double>::infinity();

  constexpr bool has_ceiling() const { return ceiling < std::numeric_limits<double>::infinity(); }
  // NaN stays.
  template <class T>
  constexpr T operator()(T y) const {
    const T top = static_cast<T>(ceiling);
    return !on ? y : y < T(0) ? T(0) : has_ceiling() && y > top ? top : y;
  }
  // Whether a gradient passes: nothing does at the bounds themselves.
  constexpr bool passes(double y) const {
    return !on || (y > 0 && !(has_ceiling() && y >= ceiling));
  }
};

inline Rectifier rectifier_of(const Attrs& attrs) {
  return {attrs.get_int("relu", 0) != 0,
          attrs.get_double("ceiling", std::numeric_limits<double>::infinity())};
}

inline void set_rectifier(Attrs& attrs, const Rectifier& rectifier) {
  attrs.set("relu", std::int64_t{rectifier.on});
  if (rectifier.has_ceiling()) {
    attrs.set("ceiling", rectifier.ceiling);
  }
}

}  // namespace temper
