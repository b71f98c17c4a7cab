#include "backends/cpu/onednn_conv_geometry.h"

#include <algorithm>

#include "backends/cpu/checked_row.h"
#include "backends/cpu/lane_conv.h"
#include "backends/cpu/library.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

// Product of the inner blocks of one axis.
std::int64_t block_of(const Layout& layout, int axis) {
  std::int64_t block = 1;
  for (int i = 0; i < layout.inner_count; ++i) {
    if (layout.inner_axis[static_cast<std::size_t>(i)] == axis) {
      block *= layout.inner_block[static_cast<std::size_t>(i)];
    }
  }
  return block;
}

}  // namespace

double ConvGeometry::flops() const {
  double total = 2;
  for (const auto dim : y) {
    total *= static_cast<double>(dim);
  }
  for (std::size_t a = groups > 1 ? 2 : 1; a < w.size(); ++a) {
    total *= static_cast<double>(w[a]);
  }
  return total;
}

double ConvGeometry::elements() const {
  double total = 0;
  for (const Dims* dims : {&x, &w, &y}) {
    double count = 1;
    for (const auto dim : *dims) {
      count *= static_cast<double>(dim);
    }
    total += count;
  }
  return total;
}

std::string read_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y,
                      ConvGeometry& geometry) {
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 3) {
    return concat("oneDNN convolves 1 to 3 spatial dimensions, not ", spatial);
  }
  const auto n = static_cast<std::size_t>(spatial);
  geometry.groups = attrs.get_int("group", 1);
  geometry.x = dims_of(x);
  geometry.y = dims_of(y);
  geometry.weight_shape = w;
  geometry.w.clear();
  if (geometry.groups > 1) {
    geometry.w.push_back(geometry.groups);
    geometry.w.push_back(w[0] / geometry.groups);
  } else {
    geometry.w.push_back(w[0]);
  }
  for (int axis = 1; axis < w.rank(); ++axis) {
    geometry.w.push_back(w[axis]);
  }
  geometry.strides = attrs.get_ints("strides", Dims(n, 1));
  geometry.dilations = attrs.get_ints("dilations", Dims(n, 1));
  const Dims pads = attrs.get_ints("pads", Dims(2 * n, 0));
  if (geometry.strides.size() != n || geometry.dilations.size() != n || pads.size() != 2 * n) {
    return "strides, dilations or pads do not fit the rank";
  }
  geometry.pads_begin.assign(pads.begin(), pads.begin() + spatial);
  geometry.pads_end.assign(pads.begin() + spatial, pads.end());
  for (auto& dilation : geometry.dilations) {
    --dilation;  // oneDNN counts the zeros between two elements
  }
  return {};
}

std::string refuse_few_channels(DType type, const Attrs& attrs, const Shape& x, const Shape& w,
                                const Shape& y) {
  if (type != DType::kBFloat16) {
    return {};
  }
  const ConvPlan plan = plan_conv(attrs, x, w, y);
  // Of one pixel the library's gradient of the weights took 20 times as long as by way of f32.
  const bool chosen =
      is_made_for_lanes(plan) || plan.out_plane() == 1 || !has_fast_bfloat16_products();
  return chosen && refuse_lane_conv(plan).empty()
             ? "few channels or pixels of many samples are faster by way of f32"
             : "";
}

void shrink_conv(Attrs& attrs, const ConvTensors& tensors) {
  Shape &x = tensors.x->shape, &w = tensors.w->shape, &y = tensors.y->shape;
  const auto spatial = static_cast<std::size_t>(w.rank() - 2);
  const std::int64_t groups = attrs.get_int("group", 1);
  const std::int64_t of_group = few(w[0] / groups), kept = few(groups);
  attrs.set("group", kept);
  w[0] = kept * of_group;
  w[1] = few(w[1]);
  x[0] = y[0] = std::min<std::int64_t>(x[0], 2);
  x[1] = kept * w[1];
  y[1] = w[0];
  const Dims strides = attrs.get_ints("strides", Dims(spatial, 1));
  const Dims dilations = attrs.get_ints("dilations", Dims(spatial, 1));
  const Dims pads = attrs.get_ints("pads", Dims(2 * spatial, 0));
  for (std::size_t i = 0; i < spatial; ++i) {
    const int axis = static_cast<int>(i) + 2;
    const std::int64_t extent = (w[axis] - 1) * dilations[i] + 1;
    const std::int64_t outside = pads[i] + pads[i + spatial] - extent;
    y[axis] = std::max<std::int64_t>(std::min<std::int64_t>(y[axis], 3),
                                     (outside + strides[i]) / strides[i] + 1);
    x[axis] = (y[axis] - 1) * strides[i] - outside;
  }
  for (const auto& [name, shape] : {std::pair("input_shape", &x), std::pair("weight_shape", &w)}) {
    if (attrs.has(name)) {
      attrs.set(name, std::vector<std::int64_t>(shape->begin(), shape->end()));
    }
  }
  if (tensors.bias != nullptr) {
    tensors.bias->shape = Shape{w[0]};
  }
}

std::optional<Layout> weights_layout(const ConvGeometry& geometry, const Desc& desc) {
  if (!has_layout(desc)) {
    return std::nullopt;
  }
  const Layout full = layout_of(desc);
  if (full.plain || geometry.groups == 1) {
    return full;
  }
  const bool single = geometry.w[1] == 1;  // one output channel a group: the group is the axis
  const int kept = single ? 0 : 1;
  const int dropped = 1 - kept;
  if (block_of(full, dropped) != 1 || full.padded[static_cast<std::size_t>(dropped)] !=
                                          geometry.w[static_cast<std::size_t>(dropped)]) {
    return std::nullopt;
  }
  Layout layout = full;
  layout.rank = full.rank - 1;
  const auto k = static_cast<std::size_t>(kept);
  if (single) {
    layout.padded[0] = full.padded[0];
    layout.strides[0] = full.strides[0];
  } else {
    if (full.padded[k] != geometry.w[1] ||
        full.strides[0] != full.padded[1] / block_of(full, 1) * full.strides[1]) {
      return std::nullopt;
    }
    layout.padded[0] = geometry.weight_shape[0];
    layout.strides[0] = full.strides[1];
  }
  for (std::size_t a = 1; a < static_cast<std::size_t>(layout.rank); ++a) {
    layout.padded[a] = full.padded[a + 1];
    layout.strides[a] = full.strides[a + 1];
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(layout.inner_count); ++i) {
    layout.inner_axis[i] = full.inner_axis[i] <= 1 ? 0 : full.inner_axis[i] - 1;
  }
  return layout;
}

std::optional<Desc> weights_descriptor(const ConvGeometry& geometry, const Layout& layout,
                                       DType dtype) {
  if (layout.plain) {
    return plain_descriptor(geometry.w, dtype);
  }
  const Shape full_shape{std::span<const std::int64_t>(geometry.w)};
  Layout full = layout;
  if (geometry.groups > 1) {
    full.rank = layout.rank + 1;
    for (std::size_t a = static_cast<std::size_t>(full.rank) - 1; a >= 2; --a) {
      full.padded[a] = layout.padded[a - 1];
      full.strides[a] = layout.strides[a - 1];
    }
    const bool single = geometry.w[1] == 1;
    const std::int64_t block = block_of(layout, 0);
    if (single) {
      full.padded[0] = layout.padded[0];
      full.strides[0] = full.strides[1] = layout.strides[0];
      full.padded[1] = 1;
    } else {
      if (geometry.w[1] % block != 0) {
        return std::nullopt;
      }
      full.padded[0] = geometry.groups;
      full.padded[1] = geometry.w[1];
      full.strides[1] = layout.strides[0];
      full.strides[0] = geometry.w[1] / block * layout.strides[0];
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(layout.inner_count); ++i) {
      full.inner_axis[i] = layout.inner_axis[i] == 0 ? (single ? 0 : 1) : layout.inner_axis[i] + 1;
    }
  }
  try {
    return descriptor(dtype, full_shape, full);
  } catch (const Error&) {
    return std::nullopt;  // 3.x knows layouts by tag only
  }
}

}  // namespace temper::cpu
