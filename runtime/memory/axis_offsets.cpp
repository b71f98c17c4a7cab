#include "runtime/memory/axis_offsets.h"

#include <array>
#include <utility>

namespace temper {
namespace {

AxisOffsets offsets_along(const Shape& shape, const Layout& source, const Layout& target,
                          int axis) {
  AxisOffsets offsets;
  std::array<std::int64_t, kMaxRank> index{};
  std::int64_t& at = index[static_cast<std::size_t>(axis)];
  for (at = 0; at < shape[axis]; ++at) {
    offsets.source.push_back(element_offset(shape, source, index.data()));
    offsets.target.push_back(element_offset(shape, target, index.data()));
  }
  return offsets;
}

AxisOffsets merged(const AxisOffsets& outer, const AxisOffsets& inner) {
  AxisOffsets offsets;
  for (std::size_t i = 0; i < outer.source.size(); ++i) {
    for (std::size_t j = 0; j < inner.source.size(); ++j) {
      offsets.source.push_back(outer.source[i] + inner.source[j]);
      offsets.target.push_back(outer.target[i] + inner.target[j]);
    }
  }
  return offsets;
}

}  // namespace

std::vector<AxisOffsets> offsets_of_axes(const Shape& shape, const Layout& source,
                                         const Layout& target) {
  constexpr std::size_t kMostMerged = 8192;
  std::vector<AxisOffsets> axes = {{{0}, {0}}};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    AxisOffsets next = offsets_along(shape, source, target, axis);
    if (axes.size() == 1 && next.source.size() * axes.front().source.size() <= kMostMerged) {
      axes.front() = merged(next, axes.front());
    } else {
      axes.insert(axes.begin(), std::move(next));
    }
  }
  return axes;
}

}  // namespace temper
