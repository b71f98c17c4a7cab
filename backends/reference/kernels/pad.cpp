// Pad, PadGrad and Tile: each output coordinate names an input coordinate (or none) per axis. What
// an axis maps is computed as it is walked: a table would be as large as the axis.
#include <algorithm>

#include "backends/host/cast_element.h"
#include "backends/host/pad_axis.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/narrow_types.h"

namespace temper::reference {
namespace {

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
