// Pad, PadGrad and Tile: each output coordinate names an input coordinate (or none) per axis. What
// an axis maps is computed as it is walked: a table would be as large as the axis.
#include <algorithm>

#include "backends/host/cast_element.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/narrow_types.h"

namespace temper::reference {
namespace {

enum class PadMode { kConstant, kEdge, kWrap, kReflect };

PadMode mode_of(const Attrs& attrs) {
  const std::string mode = attrs.get_string("mode", "constant");
  return mode == "edge"      ? PadMode::kEdge
         : mode == "wrap"    ? PadMode::kWrap
         : mode == "reflect" ? PadMode::kReflect
                             : PadMode::kConstant;
}

std::int64_t modulo(std::int64_t a, std::int64_t n) { return (a % n + n) % n; }

// One axis of Pad: the offset of the element of the unpadded axis that a coordinate of the padded
// one shows, or -1.
struct PadAxis {
  PadMode mode = PadMode::kConstant;
  std::int64_t low = 0;     // cropped at the beginning
  std::int64_t length = 0;  // what the crops leave
  std::int64_t begin = 0;   // padding in front of it
  std::int64_t stride = 0;

  std::int64_t operator()(std::int64_t i) const {
    const std::int64_t at = source(i - begin);
    return at < 0 ? -1 : (low + at) * stride;
  }

 private:
  std::int64_t source(std::int64_t at) const {
    if (at >= 0 && at < length) {
      return at;
    }
    switch (mode) {
      case PadMode::kEdge:
        return std::clamp<std::int64_t>(at, 0, length - 1);
      case PadMode::kWrap:
        return modulo(at, length);
      case PadMode::kReflect: {
        const std::int64_t period = std::max<std::int64_t>(2 * (length - 1), 1);
        const std::int64_t phase = modulo(at, period);
        return std::min(phase, period - phase);
      }
      case PadMode::kConstant:
        break;
    }
    return -1;
  }
};

using PadAxes = std::array<PadAxis, kMaxRank>;

PadAxes pad_axes(const Attrs& attrs, const Shape& inner) {
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  const Shape strides = row_major_strides(inner);
  PadAxes axes;
  for (int axis = 0; axis < inner.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + inner.rank())];
    PadAxis& made = axes[static_cast<std::size_t>(axis)];
    made.mode = mode_of(attrs);
    made.low = std::max<std::int64_t>(-begin, 0);
    made.length = inner[axis] - made.low - std::max<std::int64_t>(-end, 0);
    made.begin = std::max<std::int64_t>(begin, 0);
    made.stride = strides[axis];
  }
  return axes;
}

// `fill` is the bits of what stands where the input has no element.
template <class Map>
std::unique_ptr<Kernel> mapped_copy(DType dtype, const Shape& output,
                                    const std::array<Map, kMaxRank>& maps, std::uint64_t fill) {
  return visit_bits(dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([output, maps, fill = static_cast<T>(fill)](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      walk_mapped(output, maps,
                  [&](std::int64_t to, std::int64_t from) { y[to] = from < 0 ? fill : x[from]; });
    });
  });
}

std::unique_ptr<Kernel> prepare_pad(const OpQuery& query) {
  const Shape& output = query.outputs[0].shape;
  const double value = query.attrs->get_double("value", 0);
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t fill =
      is_narrow(dtype)
          ? std::uint64_t{narrow_code(dtype, value)}
          : visit_any(dtype, [&]<class T>() { return bits_of(cast_element<T>(value)); });
  return mapped_copy(dtype, output, pad_axes(*query.attrs, query.inputs[0].shape), fill);
}

struct TileAxis {
  std::int64_t dim = 1;
  std::int64_t stride = 0;

  std::int64_t operator()(std::int64_t i) const { return i % dim * stride; }
};

std::unique_ptr<Kernel> prepare_tile(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape strides = row_major_strides(input);
  std::array<TileAxis, kMaxRank> axes;
  for (int axis = 0; axis < input.rank(); ++axis) {
    axes[static_cast<std::size_t>(axis)] = {std::max<std::int64_t>(input[axis], 1), strides[axis]};
  }
  return mapped_copy(query.inputs[0].dtype, query.outputs[0].shape, axes, 0);
}

Support supports_pad_grad(const OpQuery& query) {
  return is_float(query.inputs[0].dtype) ? Support::yes()
                                         : Support::no("only float types have gradients");
}

// Sums in double, in the order of dy's elements.
std::unique_ptr<Kernel> prepare_pad_grad(const OpQuery& query) {
  const Shape& padded = query.inputs[0].shape;
  const Shape& inner = query.outputs[0].shape;
  auto kernel = visit_any_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([padded, axes = pad_axes(*query.attrs, inner),
                        count = inner.element_count()](const KernelArgs& args) {
      const T* dy = static_cast<const T*>(args.inputs[0]);
      T* dx = static_cast<T*>(args.outputs[0]);
      double* sums = static_cast<double*>(args.workspace);
      std::fill(sums, sums + count, 0.0);
      walk_mapped(padded, axes, [&](std::int64_t from, std::int64_t to) {
        if (to >= 0) {
          sums[to] += convert_element<double>(dy[from]);
        }
      });
      for (std::int64_t i = 0; i < count; ++i) {
        dx[i] = convert_element<T>(sums[i]);
      }
    });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(inner.element_count()) * sizeof(double);
  return kernel;
}

}  // namespace

void register_pad(KernelTable& table) {
  table.add("Pad", "reference", {}, prepare_pad);
  table.add("PadGrad", "reference", supports_pad_grad, prepare_pad_grad);
  table.add("Tile", "reference", {}, prepare_tile);
}

}  // namespace temper::reference
