// Elements of one type from another, a thread each.
#include "backends/cuda/device/numbers.cuh"
#include "backends/cuda/kernels/cast.h"

namespace temper::cuda {
namespace {

// One kernel for each source; the target is chosen by the thread, all of which choose the same.
template <class S>
__device__ void store(DType to, void* y, std::int64_t i, S value) {
  const auto put = [&](auto element) { static_cast<decltype(element)*>(y)[i] = element; };
  switch (to) {
    case DType::kBool:
      return put(cast_number<bool>(value));
    case DType::kInt8:
      return put(cast_number<std::int8_t>(value));
    case DType::kInt16:
      return put(cast_number<std::int16_t>(value));
    case DType::kInt32:
      return put(cast_number<std::int32_t>(value));
    case DType::kInt64:
      return put(cast_number<std::int64_t>(value));
    case DType::kUInt8:
      return put(cast_number<std::uint8_t>(value));
    case DType::kUInt16:
      return put(cast_number<std::uint16_t>(value));
    case DType::kUInt32:
      return put(cast_number<std::uint32_t>(value));
    case DType::kUInt64:
      return put(cast_number<std::uint64_t>(value));
    case DType::kFloat16:
      return put(to_float16(static_cast<float>(value)));
    case DType::kBFloat16:
      return put(to_bfloat16(static_cast<float>(value)));
    case DType::kFloat64:
      return put(static_cast<double>(value));
    default:
      return put(static_cast<float>(value));
  }
}

template <class S>
__device__ auto number(S value) {
  if constexpr (std::is_same_v<S, Float16Bits> || std::is_same_v<S, BFloat16Bits>) {
    return widened(value);
  } else {
    return value;
  }
}

template <class S>
__global__ void __launch_bounds__(kBlock)
    cast_kernel(const S* __restrict__ x, DType to, void* __restrict__ y, std::int64_t count) {
  const std::int64_t i = thread_number();
  if (i < count) {
    store(to, y, i, number(x[i]));
  }
}

template <class S>
void cast_from(const void* x, DType to, void* y, std::int64_t count, StreamHandle stream) {
  launch_elements(cast_kernel<S>, count, stream, static_cast<const S*>(x), to, y, count);
}

}  // namespace

void cast_elements(DType from, const void* x, DType to, void* y, std::int64_t count,
                   StreamHandle stream) {
  switch (from) {
    case DType::kBool:
      return cast_from<bool>(x, to, y, count, stream);
    case DType::kInt8:
      return cast_from<std::int8_t>(x, to, y, count, stream);
    case DType::kInt16:
      return cast_from<std::int16_t>(x, to, y, count, stream);
    case DType::kInt32:
      return cast_from<std::int32_t>(x, to, y, count, stream);
    case DType::kInt64:
      return cast_from<std::int64_t>(x, to, y, count, stream);
    case DType::kUInt8:
      return cast_from<std::uint8_t>(x, to, y, count, stream);
    case DType::kUInt16:
      return cast_from<std::uint16_t>(x, to, y, count, stream);
    case DType::kUInt32:
      return cast_from<std::uint32_t>(x, to, y, count, stream);
    case DType::kUInt64:
      return cast_from<std::uint64_t>(x, to, y, count, stream);
    case DType::kFloat16:
      return cast_from<Float16Bits>(x, to, y, count, stream);
    case DType::kBFloat16:
      return cast_from<BFloat16Bits>(x, to, y, count, stream);
    case DType::kFloat64:
      return cast_from<double>(x, to, y, count, stream);
    default:
      return cast_from<float>(x, to, y, count, stream);
  }
}

}  // namespace temper::cuda
