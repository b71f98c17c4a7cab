// What pooling over regions and its gradients are asked for.
#pragma once

#include <cstddef>

#include "backends/common/roi_taps.h"
#include "runtime/backend/kernel.h"

namespace temper {

// `rois` is the input's number; the one chosen by stands before it. `aligned`: cells are
// sampled between elements. `y`: the shape of all cells.
inline RoiShape roi_shape_of(const OpQuery& query, bool aligned, std::size_t rois, const Shape& y) {
  const Attrs& attrs = *query.attrs;
  const Shape& x = query.inputs[rois - 1].shape;
  const bool half = attrs.get_string("coordinate_transformation_mode", "") == "half_pixel";
  RoiShape r;
  r.aligned = aligned;
  r.greatest = !r.aligned || attrs.get_string("mode", "avg") == "max";
  r.at_least_one = !half;
  r.narrow = r.aligned && query.inputs[rois + 1].dtype == DType::kInt32;
  r.scale = attrs.get_double("spatial_scale", 1);
  r.offset = half ? 0.5 : 0;
  r.samples = attrs.get_int("sampling_ratio", 0);
  r.images = x[0];
  r.channels = x[1];
  r.height = x[2];
  r.width = x[3];
  r.count = y[0];
  r.cell_rows = y[2];
  r.cell_columns = y[3];
  return r;
}

}  // namespace temper
