// A scatter sorts (place, number of the update), so that the updates of a place lie side by side in
// their order. Then a thread takes a chunk of them; places whose updates fill more than a chunk are
// joined in a second pass, in the order of the chunks.
#include <type_traits>

#include "backends/common/functors.h"
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/device/sort.cuh"
#include "backends/cuda/device/words.h"
#include "backends/cuda/kernels/indexed.h"

namespace temper::cuda {
namespace {

using Key = std::uint64_t;  // the place, and in the lower half the number of the update

constexpr std::uint32_t kNowhere = 0xFFFFFFFFu;
constexpr std::int64_t kChunk = 32;

__device__ std::uint32_t place_of(Key key) { return static_cast<std::uint32_t>(key >> 32); }
__device__ std::uint32_t number_of(Key key) { return static_cast<std::uint32_t>(key); }

// The run of the data, or -1.
__device__ std::int64_t run_of(const IndexedPlaces& p, std::int64_t at) {
  std::int64_t run = p.base.find(at, 0);
  const std::int64_t first = (at < p.period ? at : at % p.period) * p.tuple;
  bool valid = true;
  for (int k = 0; k < p.tuple; ++k) {
    const std::int64_t index = p.wide ? static_cast<const std::int64_t*>(p.indices)[first + k]
                                      : static_cast<const std::int32_t*>(p.indices)[first + k];
    const std::int64_t dim = p.dims[k];
    if (index < -dim || index >= dim) {
      note_index(p.fault, index, -dim, dim);
      valid = false;
    }
    run += (index < 0 ? index + dim : index) * p.steps[k];
  }
  return valid ? run : -1;
}

// Blocks of a multiprocessor are named, or nvcc saves registers and spills.
template <class W>
__global__ void __launch_bounds__(kBlock, 4)
    gather_kernel(const IndexedPlaces p, std::int64_t words, W missing, const W* __restrict__ x,
                  W* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < p.base.count * words) {
    const std::int64_t at = i / words;
    const std::int64_t run = run_of(p, at);
    y[i] = run < 0 ? missing : x[run * words + (i - at * words)];
  }
}

__global__ void __launch_bounds__(kBlock) keys_kernel(const IndexedPlaces p, Key* keys) {
  const std::int64_t at = thread_number();
  if (at < p.base.count) {
    const std::int64_t run = run_of(p, at);
    const std::uint32_t place = run < 0 ? kNowhere : static_cast<std::uint32_t>(run);
    keys[at] = static_cast<Key>(place) << 32 | static_cast<Key>(at);
  }
}

template <class W>
__global__ void __launch_bounds__(kBlock)
    put_kernel(const Key* __restrict__ keys, std::int64_t count, std::int64_t words,
               const W* __restrict__ u, W* y) {
  const std::int64_t i = thread_number();
  if (i >= count * words) {
    return;
  }
  const std::int64_t k = i / words, e = i - k * words;
  const std::uint32_t place = place_of(keys[k]);
  if (place != kNowhere && (k + 1 == count || place_of(keys[k + 1]) != place)) {
    y[place * words + e] = u[number_of(keys[k]) * words + e];
  }
}

// Integers modulo 2^bits.
struct WrappingAdd {
  template <class A>
  __device__ A operator()(A a, A b) const {
    if constexpr (std::is_integral_v<A>) {
      return static_cast<A>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
    } else {
      return a + b;
    }
  }
};

struct WrappingMul {
  template <class A>
  __device__ A operator()(A a, A b) const {
    if constexpr (std::is_integral_v<A>) {
      return static_cast<A>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
    } else {
      return a * b;
    }
  }
};

template <class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, T, double>;

template <class T, class A>
__device__ void store(T& to, A value) {
  if constexpr (std::is_class_v<T>) {  // 16-bit floats
    to = static_cast<float>(value);
  } else {
    to = static_cast<T>(value);
  }
}

// Per chunk two rows of parts: of the place that goes on from the chunk before, and of the one that
// begins here and goes on in the next.
template <class T, class F>
__global__ void __launch_bounds__(kBlock)
    fold_kernel(const F f, const Key* __restrict__ keys, std::int64_t count, std::int64_t inner,
                const T* __restrict__ u, T* y, Accumulator<T>* parts) {
  using A = Accumulator<T>;
  const std::int64_t chunk = thread_number() / inner, e = thread_number() % inner;
  const std::int64_t end = (chunk + 1) * kChunk < count ? (chunk + 1) * kChunk : count;
  for (std::int64_t k = chunk * kChunk; k < end;) {
    const std::uint32_t place = place_of(keys[k]);
    if (place == kNowhere) {
      return;
    }
    const bool begins = k == 0 || place_of(keys[k - 1]) != place;
    A total = static_cast<A>(u[number_of(keys[k]) * inner + e]);
    for (++k; k < end && place_of(keys[k]) == place; ++k) {
      total = f(total, static_cast<A>(u[number_of(keys[k]) * inner + e]));
    }
    if (begins && (k == count || place_of(keys[k]) != place)) {
      T& to = y[place * inner + e];
      store(to, f(static_cast<A>(to), total));
    } else {
      parts[(2 * chunk + (begins ? 1 : 0)) * inner + e] = total;
    }
  }
}

template <class T, class F>
__global__ void __launch_bounds__(kBlock)
    join_kernel(const F f, const Key* __restrict__ keys, std::int64_t count, std::int64_t inner,
                T* y, const Accumulator<T>* __restrict__ parts) {
  using A = Accumulator<T>;
  std::int64_t chunk = thread_number() / inner;
  const std::int64_t e = thread_number() % inner;
  const std::int64_t begin = chunk * kChunk, end = begin + kChunk;
  if (end >= count) {
    return;
  }
  const std::uint32_t place = place_of(keys[end - 1]);
  const bool goes_on = place != kNowhere && place_of(keys[end]) == place;
  const bool came = begin > 0 && place_of(keys[begin - 1]) == place;
  if (!goes_on || came) {
    return;
  }
  A total = parts[(2 * chunk + 1) * inner + e];
  for (++chunk; chunk * kChunk < count && place_of(keys[chunk * kChunk]) == place; ++chunk) {
    total = f(total, parts[2 * chunk * inner + e]);
  }
  T& to = y[place * inner + e];
  store(to, f(static_cast<A>(to), total));
}

const Key* sorted_keys(const IndexedPlaces& p, void* workspace, StreamHandle stream) {
  Key* keys = static_cast<Key*>(workspace);
  launch_elements(keys_kernel, p.count(), stream, p, keys);
  return sort_rows(keys, keys + p.count(), 1, p.count(), stream);
}

std::int64_t chunks_of(const IndexedPlaces& p) { return (p.count() + kChunk - 1) / kChunk; }

template <class T, class F>
void run_fold(const IndexedPlaces& p, const void* u, void* y, void* workspace,
              StreamHandle stream) {
  const Key* keys = sorted_keys(p, workspace, stream);
  auto* parts =
      reinterpret_cast<Accumulator<T>*>(static_cast<std::byte*>(workspace) + put_bytes(p));
  const std::int64_t full = chunks_of(p) * p.inner;
  launch_elements(fold_kernel<T, F>, full, stream, F{}, keys, p.count(), p.inner,
                  static_cast<const T*>(u), static_cast<T*>(y), parts);
  if (chunks_of(p) > 1) {
    launch_elements(join_kernel<T, F>, full, stream, F{}, keys, p.count(), p.inner,
                    static_cast<T*>(y), parts);
  }
}

template <class T>
void run_typed(const IndexedPlaces& p, Fold fold, const void* u, void* y, void* workspace,
               StreamHandle stream) {
  switch (fold) {
    case Fold::kMul:
      return run_fold<T, WrappingMul>(p, u, y, workspace, stream);
    case Fold::kMax:
      return run_fold<T, functors::Max>(p, u, y, workspace, stream);
    case Fold::kMin:
      return run_fold<T, functors::Min>(p, u, y, workspace, stream);
    default:
      return run_fold<T, WrappingAdd>(p, u, y, workspace, stream);
  }
}

bool is_empty(const IndexedPlaces& p) { return p.count() == 0 || p.inner == 0; }

}  // namespace

void gather_runs(const IndexedPlaces& p, std::size_t element_bytes, std::uint64_t missing,
                 const void* x, void* y, StreamHandle stream) {
  if (is_empty(p)) {
    return;
  }
  for (std::size_t bytes = element_bytes; bytes < sizeof(missing); bytes *= 2) {
    missing |= missing << 8 * bytes;
  }
  const std::size_t run_bytes = static_cast<std::size_t>(p.inner) * element_bytes;
  visit_words(run_bytes, [&]<class W>(W word) {
    const auto words = static_cast<std::int64_t>(run_bytes / sizeof(W));
    if constexpr (sizeof(W) == 16) {
      word = {{missing, missing}};
    } else {
      word = static_cast<W>(missing);
    }
    launch_elements(gather_kernel<W>, p.count() * words, stream, p, words, word,
                    static_cast<const W*>(x), static_cast<W*>(y));
  });
}

bool folds(Fold fold, DType dtype) {
  return fold == Fold::kPut || dtype == DType::kFloat32 || dtype == DType::kFloat64 ||
         dtype == DType::kInt32 || dtype == DType::kInt64 ||
         (fold == Fold::kAdd && is_float(dtype));
}

std::size_t put_bytes(const IndexedPlaces& p) {
  return 2 * static_cast<std::size_t>(p.count()) * sizeof(Key);
}

std::size_t fold_bytes(const IndexedPlaces& p) {
  return put_bytes(p) + 2 * static_cast<std::size_t>(chunks_of(p) * p.inner) * sizeof(double);
}

void put_runs(const IndexedPlaces& p, std::size_t element_bytes, const void* u, void* y,
              void* workspace, StreamHandle stream) {
  if (is_empty(p)) {
    return;
  }
  const Key* keys = sorted_keys(p, workspace, stream);
  const std::size_t run_bytes = static_cast<std::size_t>(p.inner) * element_bytes;
  visit_words(run_bytes, [&]<class W>(W) {
    const auto words = static_cast<std::int64_t>(run_bytes / sizeof(W));
    launch_elements(put_kernel<W>, p.count() * words, stream, keys, p.count(), words,
                    static_cast<const W*>(u), static_cast<W*>(y));
  });
}

void fold_runs(const IndexedPlaces& p, Fold fold, DType dtype, const void* u, void* y,
               void* workspace, StreamHandle stream) {
  if (is_empty(p)) {
    return;
  }
  switch (dtype) {
    case DType::kFloat64:
      return run_typed<double>(p, fold, u, y, workspace, stream);
    case DType::kInt32:
      return run_typed<std::int32_t>(p, fold, u, y, workspace, stream);
    case DType::kInt64:
      return run_typed<std::int64_t>(p, fold, u, y, workspace, stream);
    case DType::kFloat16:
      return run_fold<Float16Bits, WrappingAdd>(p, u, y, workspace, stream);
    case DType::kBFloat16:
      return run_fold<BFloat16Bits, WrappingAdd>(p, u, y, workspace, stream);
    default:
      return run_typed<float>(p, fold, u, y, workspace, stream);
  }
}

}  // namespace temper::cuda
