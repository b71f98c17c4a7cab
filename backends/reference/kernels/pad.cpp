// Pad, PadGrad and Tile: each output coordinate names an input coordinate (or none) per axis, found
// once by prepare().
#include <algorithm>

#include "backends/reference/cast_element.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

// The coordinate in the unpadded axis of `dim` elements that coordinate i - begin of the padded one
// shows, or -1.
std::int64_t source(std::int64_t i, std::int64_t dim, std::int64_t begin, std::int64_t end,
                    const std::string& mode) {
  const std::int64_t low = std::max<std::int64_t>(-begin, 0);
  const std::int64_t length = dim - low - std::max<std::int64_t>(-end, 0);
  const std::int64_t at = i - begin - low;  // within the part that was not cropped
  if (at >= 0 && at < length) {
    return low + at;
  }
  const auto modulo = [](std::int64_t a, std::int64_t n) { return (a % n + n) % n; };
  if (mode == "edge") {
    return low + std::clamp<std::int64_t>(at, 0, length - 1);
  }
  if (mode == "wrap") {
    return low + modulo(at, length);
  }
  if (mode == "reflect") {
    const std::int64_t period = std::max<std::int64_t>(2 * (length - 1), 1);
    const std::int64_t phase = modulo(at, period);
    return low + std::min(phase, period - phase);
  }
  return -1;
}

AxisOffsets pad_offsets(const Attrs& attrs, const Shape& inner, const Shape& padded) {
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  const std::string mode = attrs.get_string("mode", "constant");
  const Shape strides = row_major_strides(inner);
  AxisOffsets offsets(static_cast<std::size_t>(inner.rank()));
  for (int axis = 0; axis < inner.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + inner.rank())];
    for (std::int64_t i = 0; i < padded[axis]; ++i) {
      const std::int64_t from = source(i, inner[axis], begin, end, mode);
      offsets[static_cast<std::size_t>(axis)].push_back(from < 0 ? -1 : from * strides[axis]);
    }
  }
  return offsets;
}

template <class T>
std::unique_ptr<Kernel> mapped_copy(const Shape& output, AxisOffsets offsets, T fill) {
  return make_kernel([output, offsets = std::move(offsets), fill](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    walk_mapped(output, offsets,
                [&](std::int64_t to, std::int64_t from) { y[to] = from < 0 ? fill : x[from]; });
  });
}

std::unique_ptr<Kernel> prepare_pad(const OpQuery& query) {
  const Shape& output = query.outputs[0].shape;
  const double value = query.attrs->get_double("value", 0);
  return visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return mapped_copy<T>(output, pad_offsets(*query.attrs, query.inputs[0].shape, output),
                          cast_element<T>(value));
  });
}

std::unique_ptr<Kernel> prepare_tile(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape& output = query.outputs[0].shape;
  const Shape strides = row_major_strides(input);
  AxisOffsets offsets(static_cast<std::size_t>(input.rank()));
  for (int axis = 0; axis < input.rank(); ++axis) {
    for (std::int64_t i = 0; i < output[axis]; ++i) {
      offsets[static_cast<std::size_t>(axis)].push_back(i % input[axis] * strides[axis]);
    }
  }
  return visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return mapped_copy<T>(output, std::move(offsets), T{});
  });
}

Support supports_pad_grad(const OpQuery& query) {
  return is_float(query.inputs[0].dtype) ? Support::yes()
                                         : Support::no("only float types have gradients");
}

// Sums in double, in the order of dy's elements.
std::unique_ptr<Kernel> prepare_pad_grad(const OpQuery& query) {
  const Shape& padded = query.inputs[0].shape;
  const Shape& inner = query.outputs[0].shape;
  auto kernel = visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([padded, offsets = pad_offsets(*query.attrs, inner, padded),
                        count = inner.element_count()](const KernelArgs& args) {
      const T* dy = static_cast<const T*>(args.inputs[0]);
      T* dx = static_cast<T*>(args.outputs[0]);
      double* sums = static_cast<double*>(args.workspace);
      std::fill(sums, sums + count, 0.0);
      walk_mapped(padded, offsets, [&](std::int64_t from, std::int64_t to) {
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
