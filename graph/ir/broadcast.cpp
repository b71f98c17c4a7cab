#include "graph/ir/broadcast.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::graph {

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  Shape out;
  for (int axis = 0; axis < rank; ++axis) {
    const int ia = axis - (rank - a.rank());
    const int ib = axis - (rank - b.rank());
    const std::int64_t da = ia < 0 ? 1 : a[ia];
    const std::int64_t db = ib < 0 ? 1 : b[ib];
    TEMPER_CHECK(da == db || da == 1 || db == 1, ErrorCode::kInvalidModel, "shapes ", a, " and ", b,
                 " do not broadcast");
    out.push_back(da == 1 ? db : da);
  }
  return out;
}

std::vector<std::int64_t> broadcast_axes(const Shape& small, const Shape& large) {
  std::vector<std::int64_t> axes;
  const int lead = large.rank() - small.rank();
  for (int axis = 0; axis < large.rank(); ++axis) {
    if (axis < lead || (small[axis - lead] == 1 && large[axis] != 1)) {
      axes.push_back(axis);
    }
  }
  return axes;
}

}  // namespace temper::graph
