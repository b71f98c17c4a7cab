#include "backends/cpu/pool_layouts.h"

#include <vector>

#include "backends/cpu/tensor_layouts.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

using Ints = std::vector<std::int64_t>;

bool read_layout(const Shape& shape, const Layout& layout, PoolLayout& out) {
  out.layout = layout;
  if (layout.plain) {
    out.outer = shape[0] * shape[1];
    out.lanes = 1;
    return true;
  }
  if (layout.inner_count == 1 && layout.inner_axis[0] == 1 &&
      layout == channel_blocks(shape, layout.inner_block[0])) {
    out.lanes = layout.inner_block[0];
    out.outer = shape[0] * layout.padded[1] / out.lanes;
    return true;
  }
  if (layout == channels_last(shape)) {
    out.lanes = shape[1];
    out.outer = shape[0];
    return true;
  }
  if (is_in_sample_blocks(shape, layout)) {
    out.lanes = layout.inner_block[0];
    out.outer = shape[0] / out.lanes * shape[1];
    return true;
  }
  return false;
}

}  // namespace

std::string read_pool_window(const OpQuery& query, const Shape& x, const Shape& y,
                             PoolWindow& window) {
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 3) {
    return concat("1 to 3 spatial dimensions, not ", spatial);
  }
  const auto n = static_cast<std::size_t>(spatial);
  const Ints kernel = query.attrs->get_ints("kernel_shape");
  const Ints strides = query.attrs->get_ints("strides", Ints(n, 1));
  const Ints dilations = query.attrs->get_ints("dilations", Ints(n, 1));
  const Ints pads = query.attrs->get_ints("pads", Ints(2 * n, 0));
  if (kernel.size() != n || strides.size() != n || dilations.size() != n || pads.size() != 2 * n) {
    return "kernel, strides, dilations or pads do not fit the rank";
  }
  for (std::size_t i = 0; i < n; ++i) {
    PoolAxis& axis = window.axes[3 - n + i];
    const int dim = static_cast<int>(i) + 2;
    axis = {x[dim], y[dim], kernel[i], strides[i], dilations[i], pads[i]};
  }
  return {};
}

PoolLayout choose_pool_layout(const Shape& shape, const Layout& layout) {
  PoolLayout chosen;
  if (!read_layout(shape, layout, chosen) || (layout.plain && shape[1] >= 8)) {
    read_layout(shape, channel_blocked(shape), chosen);
  }
  return chosen;
}

}  // namespace temper::cpu
