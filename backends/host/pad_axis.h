// How Pad's modes map the coordinates of the padded tensor to those of the unpadded one.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper {

enum class PadMode { kConstant, kEdge, kWrap, kReflect };

inline PadMode pad_mode_of(const Attrs& attrs) {
  const std::string mode = attrs.get_string("mode", "constant");
  return mode == "edge"      ? PadMode::kEdge
         : mode == "wrap"    ? PadMode::kWrap
         : mode == "reflect" ? PadMode::kReflect
                             : PadMode::kConstant;
}

// One axis of Pad: the offset of the element of the unpadded axis that a coordinate of the padded
// one shows, or -1.
struct PadAxis {
  PadMode mode = PadMode::kConstant;
  std::int64_t low = 0;     // cropped at the beginning
  std::int64_t length = 0;  // what the crops leave
  std::int64_t begin = 0;   // padding in front of it
  std::int64_t stride = 0;

  std::int64_t operator()(std::int64_t i) const {
    const std::int64_t at = source(i - begin);
    return at < 0 ? -1 : (low + at) * stride;
  }

 private:
  static std::int64_t modulo(std::int64_t a, std::int64_t n) {
    // Without a division where the padding is no longer than the axis.
    return a >= 0 && a < n ? a : a < 0 && a >= -n ? a + n : (a % n + n) % n;
  }
  std::int64_t source(std::int64_t at) const {
    if (at >= 0 && at < length) {
      return at;
    }
    switch (mode) {
      case PadMode::kEdge:
        return std::clamp<std::int64_t>(at, 0, length - 1);
      case PadMode::kWrap:
        return modulo(at, length);
      case PadMode::kReflect: {
        const std::int64_t period = std::max<std::int64_t>(2 * (length - 1), 1);
        const std::int64_t phase = modulo(at, period);
        return std::min(phase, period - phase);
      }
      case PadMode::kConstant:
        break;
    }
    return -1;
  }
};

using PadAxes = std::array<PadAxis, kMaxRank>;

inline PadAxes pad_axes(const Attrs& attrs, const Shape& inner) {
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  const Shape strides = row_major_strides(inner);
  PadAxes axes;
  for (int axis = 0; axis < inner.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + inner.rank())];
    PadAxis& made = axes[static_cast<std::size_t>(axis)];
    made.mode = pad_mode_of(attrs);
    made.low = std::max<std::int64_t>(-begin, 0);
    made.length = inner[axis] - made.low - std::max<std::int64_t>(-end, 0);
    made.begin = std::max<std::int64_t>(begin, 0);
    made.stride = strides[axis];
  }
  return axes;
}

}  // namespace temper
