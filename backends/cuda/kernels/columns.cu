// A thread per element of the result; sums of floats in double, in the order of a block's elements.
#include <type_traits>

#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/kernels/columns.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class W>
__global__ void __launch_bounds__(kBlock)
    columns_kernel(const BlockShape s, const W* __restrict__ x, W* __restrict__ y) {
  const std::int64_t i = thread_number();
  const std::int64_t size = s.block_size * s.block_count;
  if (i >= s.images * size) {
    return;
  }
  std::int64_t which = i % s.block_count, within = i / s.block_count % s.block_size;
  std::int64_t place = 0, stride = 1;
  bool inside = true;
  for (int a = s.rank - 1; a >= 0; --a) {
    const std::int64_t at =
        which % s.blocks[a] * s.steps[a] - s.pads[a] + within % s.block[a] * s.dilations[a];
    which /= s.blocks[a];
    within /= s.block[a];
    inside = inside && at >= 0 && at < s.image[a];
    place += at * stride;
    stride *= s.image[a];
  }
  y[i] = inside ? x[i / size * s.pixels + place] : W(0);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    image_kernel(const BlockShape s, const T* __restrict__ x, T* __restrict__ y) {
  using A = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;
  const std::int64_t i = thread_number();
  if (i >= s.images * s.pixels) {
    return;
  }
  const T* columns = x + i / s.pixels * s.block_size * s.block_count;
  A sum = 0;
  for (std::int64_t element = 0; element < s.block_size; ++element) {
    std::int64_t rest = i % s.pixels, within = element, which = 0, stride = 1;
    bool inside = true;
    for (int a = s.rank - 1; a >= 0; --a) {
      const std::int64_t at = rest % s.image[a] + s.pads[a] - within % s.block[a] * s.dilations[a];
      rest /= s.image[a];
      within /= s.block[a];
      const std::int64_t number = at / s.steps[a];
      inside = inside && at >= 0 && number * s.steps[a] == at && number < s.blocks[a];
      which += number * stride;
      stride *= s.blocks[a];
    }
    if (inside) {
      sum += static_cast<A>(columns[element * s.block_count + which]);
    }
  }
  y[i] = static_cast<T>(sum);
}

}  // namespace

void image_to_columns(const BlockShape& s, std::size_t element_bytes, const void* x, void* y,
                      StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    launch_elements(columns_kernel<W>, s.images * s.block_size * s.block_count, stream, s,
                    static_cast<const W*>(x), static_cast<W*>(y));
  });
}

bool sums_columns(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt32 ||
         dtype == DType::kInt64;
}

void columns_to_image(const BlockShape& s, DType dtype, const void* x, void* y,
                      StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(image_kernel<T>, s.images * s.pixels, stream, s, static_cast<const T*>(x),
                    static_cast<T*>(y));
  };
  switch (dtype) {
    case DType::kFloat64:
      return run(double{});
    case DType::kInt32:
      return run(std::int32_t{});
    case DType::kInt64:
      return run(std::int64_t{});
    default:
      return run(float{});
  }
}

}  // namespace temper::cuda
