// Where the elements of two layouts of one shape lie, as a table for each axis: blocks split each
// axis on its own, so that the offsets of the axes add up to that of an element.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/layout.h"

namespace temper {

// In elements from the first, by the index along the axis.
struct AxisOffsets {
  std::vector<std::int64_t> source, target;
};

// Of all axes, outermost first; the last ones as one, so that an inner loop over them is long and
// its table still small.
std::vector<AxisOffsets> offsets_of_axes(const Shape& shape, const Layout& source,
                                         const Layout& target);

}  // namespace temper
