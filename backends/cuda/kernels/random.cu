// A thread per block of four random words; normal numbers, classes and what lies in another order
// have a thread per element.
#include "backends/common/random_numbers.h"
#include "backends/cuda/device/element_bytes.cuh"
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/random.h"

namespace temper::cuda {
namespace {

__device__ std::uint64_t origin_of(const RandomDraw& draw) {
  return draw.position == nullptr ? 0
                                  : static_cast<std::uint64_t>(*draw.position) * draw.per_sample;
}

// to(i, word) for each element i. Elements begin and end within a block.
template <class To>
__global__ void __launch_bounds__(kBlock) word_kernel(const RandomDraw draw, const To to) {
  const std::uint64_t origin = origin_of(draw);
  const std::uint64_t number = origin / 4 + static_cast<std::uint64_t>(thread_number());
  const std::int64_t first = static_cast<std::int64_t>(number * 4 - origin);
  if (first >= draw.count) {
    return;
  }
  const PhiloxBlock words = draw.stream.block(number);
  for (int w = 0; w < 4; ++w) {
    const std::int64_t i = first + w;
    if (i >= 0 && i < draw.count) {
      to(i, words[static_cast<std::size_t>(w)]);
    }
  }
}

template <class To>
void draw_words(const RandomDraw& draw, const To& to, StreamHandle stream) {
  if (draw.count > 0) {
    launch_elements(word_kernel<To>, draw.count / 4 + 2, stream, draw, to);
  }
}

template <class T>
struct ToDropout {
  double ratio;
  float scale;
  const T* x;
  T* y;
  bool* mask;

  __device__ void operator()(std::int64_t i, std::uint32_t word) const {
    const bool keep = static_cast<double>(philox_uniform(word)) >= ratio;
    if (y != nullptr) {
      y[i] = keep ? x[i] * scale : 0.0f;
    }
    if (mask != nullptr) {
      mask[i] = keep;
    }
  }
};

// A thread per element, which finds its own word.
template <class T>
__global__ void __launch_bounds__(kBlock)
    dropout_kernel(const RandomDraw draw, const Places<1> order, const ToDropout<T> to) {
  const std::int64_t i = thread_number();
  if (i < draw.count) {
    to(i, draw.stream.word(origin_of(draw) + static_cast<std::uint64_t>(order.find(i, 0))));
  }
}

struct ToUniform {
  double low, width;
  float* y;

  __device__ void operator()(std::int64_t i, std::uint32_t word) const {
    y[i] = static_cast<float>(low + width * static_cast<double>(philox_uniform(word)));
  }
};

template <class T>
struct ToTruth {
  const float* x;
  T one;
  T* y;

  __device__ void operator()(std::int64_t i, std::uint32_t word) const {
    y[i] = philox_uniform(word) < x[i] ? one : T(0);
  }
};

__global__ void __launch_bounds__(kBlock)
    normal_kernel(const RandomDraw draw, double mean, double width, float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < draw.count) {
    const double drawn =
        normal_number(draw.stream, origin_of(draw) + static_cast<std::uint64_t>(i));
    y[i] = static_cast<float>(mean + width * drawn);
  }
}

// The class below which the share `drawn` of the probabilities lies.
__device__ std::int64_t chosen(const float* x, std::int64_t classes, double drawn) {
  double most = static_cast<double>(x[0]);
  for (std::int64_t k = 1; k < classes; ++k) {
    most = most < static_cast<double>(x[k]) ? static_cast<double>(x[k]) : most;
  }
  double sum = 0;
  for (std::int64_t k = 0; k < classes; ++k) {
    sum += exp(static_cast<double>(x[k]) - most);
  }
  double below = 0;
  std::int64_t last = 0;  // that can be drawn at all
  for (std::int64_t k = 0; k < classes; ++k) {
    const double share = exp(static_cast<double>(x[k]) - most);
    below += share;
    last = share > 0 ? k : last;
    if (drawn * sum < below) {
      return k;
    }
  }
  return last;
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    class_kernel(const RandomDraw draw, const float* __restrict__ x, std::int64_t classes,
                 std::int64_t samples, T* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < draw.count) {
    const std::uint32_t word = draw.stream.word(origin_of(draw) + static_cast<std::uint64_t>(i));
    y[i] = static_cast<T>(
        chosen(x + i / samples * classes, classes, static_cast<double>(philox_uniform(word))));
  }
}

template <class T>
void draw_truths(const RandomDraw& draw, const float* x, std::uint64_t one, void* y,
                 StreamHandle stream) {
  draw_words(draw, ToTruth<T>{x, static_cast<T>(one), static_cast<T*>(y)}, stream);
}

}  // namespace

void draw_dropout(const RandomDraw& draw, const Places<1>& order, double ratio, float scale,
                  DType dtype, const void* x, void* y, bool* mask, StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    const ToDropout<T> to{ratio, scale, static_cast<const T*>(x), static_cast<T*>(y), mask};
    if (order.rank > 0) {
      launch_elements(dropout_kernel<T>, draw.count, stream, draw, order, to);
    } else {
      draw_words(draw, to, stream);
    }
  });
}

void draw_floats(const RandomDraw& draw, bool normal, double low, double width, float* y,
                 StreamHandle stream) {
  if (normal) {
    launch_elements(normal_kernel, draw.count, stream, draw, low, width, y);
  } else {
    draw_words(draw, ToUniform{low, width, y}, stream);
  }
}

void draw_bernoulli(const RandomDraw& draw, const float* x, std::size_t element_bytes,
                    std::uint64_t one, void* y, StreamHandle stream) {
  visit_bytes(element_bytes, [&]<class T>(T) { draw_truths<T>(draw, x, one, y, stream); });
}

void draw_classes(const RandomDraw& draw, const float* x, std::int64_t classes,
                  std::int64_t samples, bool narrow, void* y, StreamHandle stream) {
  if (narrow) {
    launch_elements(class_kernel<std::int32_t>, draw.count, stream, draw, x, classes, samples,
                    static_cast<std::int32_t*>(y));
  } else {
    launch_elements(class_kernel<std::int64_t>, draw.count, stream, draw, x, classes, samples,
                    static_cast<std::int64_t*>(y));
  }
}

}  // namespace temper::cuda
