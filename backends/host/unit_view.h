// Tensors as units along one axis, for clipping by unit. Shared by the backends that run on the
// host.
#pragma once

#include "backends/common/adaptive_clip.h"
#include "runtime/backend/kernel_table.h"

namespace temper {

// `axis` -1: the whole tensor is one unit.
inline UnitView unit_view(const Shape& shape, std::int64_t axis) {
  UnitView view;
  for (int i = 0; i < shape.rank(); ++i) {
    (axis < 0 || i > axis ? view.inner : i == axis ? view.units : view.outer) *= shape[i];
  }
  return view;
}

inline AdaptiveClip adaptive_clip_of(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  return {unit_view(query.inputs[0].shape, attrs.get_int("axis", -1)),
          attrs.get_double("clip_factor", 0), attrs.get_double("eps", 0),
          attrs.get_double("norm_type", 2)};
}

}  // namespace temper
