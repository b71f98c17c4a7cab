// A thread per element.
#include <type_traits>

#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/device/numbers.cuh"
#include "backends/cuda/kernels/fills.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    count_kernel(const T* start, const T* delta, T* y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i >= count) {
    return;
  }
  if constexpr (std::is_integral_v<T>) {
    y[i] = static_cast<T>(static_cast<std::uint64_t>(*start) +
                          static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(*delta));
  } else {
    y[i] = static_cast<T>(static_cast<double>(*start) +
                          static_cast<double>(i) * static_cast<double>(*delta));
  }
}

template <class W>
__global__ void __launch_bounds__(kBlock)
    triangle_kernel(const Triangle t, const W* x, W* y, std::int64_t count) {
  const std::int64_t at = thread_number();
  if (at < count) {
    const std::int64_t i = at / t.columns % t.rows, j = at % t.columns;
    y[at] = (t.upper ? j - i >= t.k : j - i <= t.k) ? x[at] : W(0);
  }
}

template <class W>
__global__ void __launch_bounds__(kBlock) diagonal_kernel(const Triangle t, W one, W* y) {
  const std::int64_t at = thread_number();
  if (at < t.rows * t.columns) {
    y[at] = at % t.columns - at / t.columns == t.k ? one : W(0);
  }
}

// The row and the place on its axis of element `at`.
struct Element {
  std::int64_t row, place;
};

__device__ Element element_of(const AxisRows& rows, std::int64_t at) {
  const std::int64_t outer = at / rows.inner / rows.length;
  return {outer * rows.inner + at % rows.inner, at / rows.inner % rows.length};
}

template <class I, class W>
__global__ void __launch_bounds__(kBlock)
    one_hot_kernel(const AxisRows rows, const I* __restrict__ indices, const W* __restrict__ values,
                   W* __restrict__ y) {
  const std::int64_t at = thread_number();
  if (at < rows.count() * rows.length) {
    const Element element = element_of(rows, at);
    const auto index = cast_number<std::int64_t>(indices[element.row]);
    const std::int64_t hot = index < 0 ? index + rows.length : index;
    y[at] = values[element.place == hot ? 1 : 0];
  }
}

__global__ void __launch_bounds__(kBlock)
    hard_max_kernel(const AxisRows rows, const std::int64_t* __restrict__ places,
                    float* __restrict__ y) {
  const std::int64_t at = thread_number();
  if (at < rows.count() * rows.length) {
    const Element element = element_of(rows, at);
    y[at] = element.place == places[element.row] ? 1.0f : 0.0f;
  }
}

}  // namespace

bool counts(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt16 ||
         dtype == DType::kInt32 || dtype == DType::kInt64;
}

void count_up(DType dtype, const void* start, const void* delta, void* y, std::int64_t count,
              StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(count_kernel<T>, count, stream, static_cast<const T*>(start),
                    static_cast<const T*>(delta), static_cast<T*>(y), count);
  };
  switch (dtype) {
    case DType::kFloat64:
      return run(double{});
    case DType::kInt16:
      return run(std::int16_t{});
    case DType::kInt32:
      return run(std::int32_t{});
    case DType::kInt64:
      return run(std::int64_t{});
    default:
      return run(float{});
  }
}

void keep_triangle(const Triangle& triangle, std::size_t element_bytes, const void* x, void* y,
                   std::int64_t count, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    launch_elements(triangle_kernel<W>, count, stream, triangle, static_cast<const W*>(x),
                    static_cast<W*>(y), count);
  });
}

void fill_diagonal(const Triangle& triangle, std::size_t element_bytes, std::uint64_t one, void* y,
                   StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    launch_elements(diagonal_kernel<W>, triangle.rows * triangle.columns, stream, triangle,
                    static_cast<W>(one), static_cast<W*>(y));
  });
}

bool names_places(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kInt32 || dtype == DType::kInt64;
}

void one_hot(const AxisRows& rows, DType index_type, std::size_t element_bytes, const void* indices,
             const void* values, void* y, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class W>(W) {
    const auto run = [&]<class I>(I) {
      launch_elements(one_hot_kernel<I, W>, rows.count() * rows.length, stream, rows,
                      static_cast<const I*>(indices), static_cast<const W*>(values),
                      static_cast<W*>(y));
    };
    switch (index_type) {
      case DType::kInt32:
        return run(std::int32_t{});
      case DType::kInt64:
        return run(std::int64_t{});
      default:
        return run(float{});
    }
  });
}

void hard_max(const AxisRows& rows, const std::int64_t* places, float* y, StreamHandle stream) {
  launch_elements(hard_max_kernel, rows.count() * rows.length, stream, rows, places, y);
}

}  // namespace temper::cuda
