#include "runtime/base/window.h"

#include <string>
#include <vector>

#include "runtime/base/error.h"

namespace temper {
namespace {

// Keeps (kernel - 1) * dilation + sums of paddings inside 64 bits.
constexpr std::int64_t kLargest = std::int64_t{1} << 30;

std::vector<std::int64_t> read_list(const Attrs& attrs, const char* name, std::size_t length,
                                    std::int64_t fallback, std::int64_t least) {
  std::vector<std::int64_t> values = attrs.get_ints(name);
  if (values.empty()) {
    values.assign(length, fallback);
  }
  TEMPER_CHECK(values.size() == length, ErrorCode::kInvalidModel, name, " has ", values.size(),
               " entries, expected ", length);
  for (const std::int64_t value : values) {
    TEMPER_CHECK(value >= least && value <= kLargest, ErrorCode::kInvalidModel, name, " is [",
                 join(values, ","), "], expected values from ", least, " to ", kLargest);
  }
  return values;
}

// Right-aligned in the three places.
Spatial to_spatial(std::span<const std::int64_t> values, std::int64_t missing) {
  Spatial out;
  out.fill(missing);
  std::copy(values.begin(), values.end(), out.end() - static_cast<std::ptrdiff_t>(values.size()));
  return out;
}

std::vector<std::int64_t> to_list(const Spatial& values, int rank) {
  return {values.end() - rank, values.end()};
}

void set_pads(Window& window, std::span<const std::int64_t> pads) {
  const std::size_t rank = pads.size() / 2;
  window.pad_begin = to_spatial(pads.first(rank), 0);
  window.pad_end = to_spatial(pads.last(rank), 0);
}

// auto_pad SAME_*: as many windows as the input has strides, the odd element of padding at the end
// (SAME_UPPER) or at the beginning (SAME_LOWER).
void pad_same(Window& window, const Spatial& input, bool odd_at_end) {
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t windows = (input[at] + window.stride[at] - 1) / window.stride[at];
    const std::int64_t needed = (windows - 1) * window.stride[at] + window.extent(i) - input[at];
    const std::int64_t total = std::max<std::int64_t>(needed, 0);
    window.pad_begin[at] = odd_at_end ? total / 2 : total - total / 2;
    window.pad_end[at] = total - window.pad_begin[at];
  }
}

}  // namespace

Spatial spatial_dims(const Shape& shape) {
  TEMPER_CHECK(shape.rank() >= 3, ErrorCode::kInvalidModel, "the input has the shape ", shape,
               ", expected [N, C, ...] with at least one spatial dimension");
  TEMPER_CHECK(shape.rank() <= 2 + kMaxSpatialRank, ErrorCode::kUnsupported, "the input ", shape,
               " has ", shape.rank() - 2, " spatial dimensions; at most ", kMaxSpatialRank,
               " are supported");
  return to_spatial(shape.dims().subspan(2), 1);
}

Shape shape_with_spatial(std::int64_t first, std::int64_t second, const Spatial& spatial,
                         int rank) {
  Shape shape{first, second};
  for (const std::int64_t dim : to_list(spatial, rank)) {
    shape.push_back(dim);
  }
  return shape;
}

Window normalise_window(Attrs& attrs, std::span<const std::int64_t> kernel, const Spatial& input) {
  Window window;
  window.rank = static_cast<int>(kernel.size());
  TEMPER_CHECK(window.rank >= 1 && window.rank <= kMaxSpatialRank, ErrorCode::kInvalidModel,
               "kernel_shape has ", kernel.size(), " entries, expected 1 to ", kMaxSpatialRank);
  attrs.set("kernel_shape", std::vector<std::int64_t>(kernel.begin(), kernel.end()));
  window.kernel = to_spatial(read_list(attrs, "kernel_shape", kernel.size(), 1, 1), 1);
  window.stride = to_spatial(read_list(attrs, "strides", kernel.size(), 1, 1), 1);
  window.dilation = to_spatial(read_list(attrs, "dilations", kernel.size(), 1, 1), 1);
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    pad_same(window, input, auto_pad == "SAME_UPPER");
  } else if (auto_pad == "NOTSET" || auto_pad.empty()) {
    set_pads(window, read_list(attrs, "pads", 2 * kernel.size(), 0, 0));
  } else {
    TEMPER_CHECK(auto_pad == "VALID", ErrorCode::kInvalidModel, "auto_pad is '", auto_pad,
                 "', expected NOTSET, SAME_UPPER, SAME_LOWER or VALID");
  }
  attrs.erase("auto_pad");
  attrs.set("strides", to_list(window.stride, window.rank));
  attrs.set("dilations", to_list(window.dilation, window.rank));
  std::vector<std::int64_t> pads = to_list(window.pad_begin, window.rank);
  const std::vector<std::int64_t> ends = to_list(window.pad_end, window.rank);
  pads.insert(pads.end(), ends.begin(), ends.end());
  attrs.set("pads", std::move(pads));
  return window;
}

Window read_window(const Attrs& attrs) {
  Window window;
  const std::vector<std::int64_t> kernel = attrs.get_ints("kernel_shape");
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  window.rank = static_cast<int>(kernel.size());
  TEMPER_ASSERT(window.rank >= 1 && window.rank <= kMaxSpatialRank,
                "kernel_shape was not normalised");
  TEMPER_ASSERT(pads.size() == 2 * kernel.size(), "pads were not normalised");
  window.kernel = to_spatial(kernel, 1);
  window.stride = to_spatial(read_list(attrs, "strides", kernel.size(), 1, 1), 1);
  window.dilation = to_spatial(read_list(attrs, "dilations", kernel.size(), 1, 1), 1);
  set_pads(window, pads);
  return window;
}

Spatial window_output(const Window& window, const Spatial& input, bool ceil_mode) {
  Spatial output{1, 1, 1};
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t padded = input[at] + window.pad_begin[at] + window.pad_end[at];
    const std::int64_t room = padded - window.extent(i);
    TEMPER_CHECK(room >= 0, ErrorCode::kInvalidModel, "the kernel spans ", window.extent(i),
                 " positions of spatial dimension ", i - kMaxSpatialRank + window.rank,
                 ", but the padded input has only ", padded);
    output[at] = room / window.stride[at] + 1;
    if (ceil_mode && room % window.stride[at] != 0 &&
        output[at] * window.stride[at] < input[at] + window.pad_begin[at]) {
      ++output[at];
    }
  }
  return output;
}

}  // namespace temper
