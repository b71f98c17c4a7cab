// What GridSample and its gradient are asked for.
#pragma once

#include <string>

#include "backends/common/grid_sampling.h"
#include "runtime/backend/kernel.h"

namespace temper {

// Inputs 0 and 1 are x and the grid.
inline GridSampling grid_sampling_of(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape &x = query.inputs[0].shape, &grid = query.inputs[1].shape;
  const std::string mode = attrs.get_string("mode", "linear");
  const std::string padding = attrs.get_string("padding_mode", "zeros");
  GridSampling s;
  s.dims = x.rank() - 2;
  s.mode = mode == "nearest" ? SampleMode::kNearest
           : mode == "cubic" ? SampleMode::kCubic
                             : SampleMode::kLinear;
  s.padding = padding == "border"       ? SamplePadding::kBorder
              : padding == "reflection" ? SamplePadding::kReflection
                                        : SamplePadding::kZeros;
  s.corners = attrs.get_int("align_corners", 0) != 0;
  for (int i = 0; i < s.dims; ++i) {
    s.length[i] = x[i + 2];
    s.stride[i] = x.count(i + 3, x.rank());
  }
  s.batch = x[0];
  s.channels = x[1];
  s.elements = x.count(2, x.rank());
  s.places = grid.count(1, grid.rank() - 1);
  return s;
}

}  // namespace temper
