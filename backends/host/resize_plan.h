// What Resize, Upsample and ResizeGrad are asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/common/resize_sampling.h"
#include "runtime/base/attrs.h"
#include "runtime/base/shape.h"

namespace temper {

struct NumberedAxis {
  int axis = 0;
  ResizedAxis sizes;
};

struct ResizePlan {
  ResizeRule rule;
  std::vector<NumberedAxis> axes;
};

// From x's shape to y's.
inline ResizePlan plan_resize(const Attrs& attrs, const Shape& x, const Shape& y) {
  const std::string mode = attrs.get_string("mode", "");
  const std::string transform = attrs.get_string("coordinate_transformation_mode", "");
  const std::string nearest = attrs.get_string("nearest_mode", "");
  const std::vector<std::int64_t> named = attrs.get_ints("axes");
  const std::vector<double> scales = attrs.get_doubles("scales");
  const std::vector<double> region = attrs.get_doubles("roi");
  ResizePlan plan;
  ResizeRule& rule = plan.rule;
  rule.transform = transform == "half_pixel_symmetric"   ? ResizeTransform::kSymmetric
                   : transform == "pytorch_half_pixel"   ? ResizeTransform::kPytorch
                   : transform == "align_corners"        ? ResizeTransform::kCorners
                   : transform == "asymmetric"           ? ResizeTransform::kAsymmetric
                   : transform == "tf_crop_and_resize"   ? ResizeTransform::kCrop
                   : transform == "tf_half_pixel_for_nn" ? ResizeTransform::kNearestOfTf
                                                         : ResizeTransform::kHalf;
  rule.nearest = nearest == "floor"               ? ResizeNearest::kFloor
                 : nearest == "ceil"              ? ResizeNearest::kCeil
                 : nearest == "round_prefer_ceil" ? ResizeNearest::kPreferCeil
                                                  : ResizeNearest::kPreferFloor;
  rule.cubic = mode == "cubic";
  rule.moves = mode == "nearest" || named.empty();
  rule.antialias = attrs.get_int("antialias", 0) != 0;
  rule.exclude_outside = attrs.get_int("exclude_outside", 0) != 0;
  rule.cubic_a = attrs.get_double("cubic_coeff_a", -0.75);
  for (std::size_t i = 0; i < named.size(); ++i) {
    const int axis = static_cast<int>(named[i]);
    ResizedAxis sizes{x[axis], y[axis], scales[i], 0, 1, rule.taps(scales[i])};
    if (!region.empty()) {
      sizes.start = region[i];
      sizes.end = region[i + named.size()];
    }
    plan.axes.push_back({axis, sizes});
  }
  return plan;
}

}  // namespace temper
