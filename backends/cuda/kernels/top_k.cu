// Elements become unsigned numbers of the same order with their index behind them; the rows of
// those are sorted whole.
#include <bit>
#include <limits>
#include <type_traits>

#include "backends/cuda/device/sort.cuh"
#include "backends/cuda/kernels/top_k.h"

namespace temper::cuda {
namespace {

template <class T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// An unsigned number for each, in their order: negative floats have all bits turned.
template <class T>
__device__ Bits<T> ordered(T x) {
  using U = Bits<T>;
  constexpr U kSign = U{1} << (8 * sizeof(U) - 1);
  if constexpr (std::is_floating_point_v<T>) {
    if (x != x) {
      return ~U{0};
    }
    const U bits = std::bit_cast<U>(x == T(0) ? T(0) : x);  // the zeros are equal
    return (bits & kSign) != 0 ? ~bits : bits | kSign;
  } else {
    return static_cast<U>(x) ^ kSign;
  }
}

template <class T>
using KeyOf = std::conditional_t<sizeof(T) == 4, std::uint64_t, WideKey>;

__device__ std::uint64_t make_key(std::uint32_t value, std::int64_t index) {
  return static_cast<std::uint64_t>(value) << 32 | static_cast<std::uint64_t>(index);
}
__device__ WideKey make_key(std::uint64_t value, std::int64_t index) {
  return {value, static_cast<std::uint64_t>(index)};
}
__device__ std::int64_t index_of(std::uint64_t key) {
  return static_cast<std::int64_t>(key & 0xFFFFFFFFu);
}
__device__ std::int64_t index_of(const WideKey& key) {
  return static_cast<std::int64_t>(key.index);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    keys_kernel(const AxisRows rows, bool largest, const T* __restrict__ x, KeyOf<T>* keys) {
  const std::int64_t i = thread_number();
  if (i < rows.count() * rows.length) {
    const std::int64_t row = i / rows.length, at = i % rows.length;
    const Bits<T> value = ordered(x[rows.first(row) + at * rows.inner]);
    keys[i] = make_key(largest ? static_cast<Bits<T>>(~value) : value, at);
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    pick_kernel(const AxisRows rows, std::int64_t picks, const KeyOf<T>* __restrict__ keys,
                const T* __restrict__ x, T* values, std::int64_t* indices) {
  const std::int64_t i = thread_number();
  if (i >= rows.count() * picks) {
    return;
  }
  const AxisRows out{rows.outer, picks, rows.inner};
  const std::int64_t row = i / picks, k = i % picks;
  const std::int64_t index = index_of(keys[row * rows.length + k]);
  const std::int64_t to = out.first(row) + k * rows.inner;
  if (values != nullptr) {
    values[to] = x[rows.first(row) + index * rows.inner];
  }
  if (indices != nullptr) {
    indices[to] = index;
  }
}

template <class T>
void run(const AxisRows& rows, std::int64_t picks, bool largest, const void* x, void* values,
         std::int64_t* indices, void* workspace, StreamHandle stream) {
  const std::int64_t count = rows.count() * rows.length;
  auto* keys = static_cast<KeyOf<T>*>(workspace);
  launch_elements(keys_kernel<T>, count, stream, rows, largest, static_cast<const T*>(x), keys);
  const KeyOf<T>* sorted = sort_rows(keys, keys + count, rows.count(), rows.length, stream);
  launch_elements(pick_kernel<T>, rows.count() * picks, stream, rows, picks, sorted,
                  static_cast<const T*>(x), static_cast<T*>(values), indices);
}

}  // namespace

bool sorts(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt32 ||
         dtype == DType::kInt64;
}

std::size_t top_k_bytes(DType dtype, const AxisRows& rows) {
  const std::size_t key = 2 * size_of(dtype);
  const auto count = static_cast<std::size_t>(rows.count() * rows.length);
  return (rows.length > kSortTile ? 2 : 1) * count * key;
}

void top_k(DType dtype, const AxisRows& rows, std::int64_t picks, bool largest, const void* x,
           void* values, std::int64_t* indices, void* workspace, StreamHandle stream) {
  if (rows.count() == 0 || picks == 0) {
    return;
  }
  switch (dtype) {
    case DType::kFloat64:
      return run<double>(rows, picks, largest, x, values, indices, workspace, stream);
    case DType::kInt32:
      return run<std::int32_t>(rows, picks, largest, x, values, indices, workspace, stream);
    case DType::kInt64:
      return run<std::int64_t>(rows, picks, largest, x, values, indices, workspace, stream);
    default:
      return run<float>(rows, picks, largest, x, values, indices, workspace, stream);
  }
}

}  // namespace temper::cuda
