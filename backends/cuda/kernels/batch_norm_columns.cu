// Three launches: sums of chunks of rows, the numbers of each channel, every value. Sums are in
// double, of differences to the channel's first value or to the rounded mean, and add up in a fixed
// order.
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/batch_norm_channel.cuh"
#include "backends/cuda/kernels/batch_norm_columns.h"

namespace temper::cuda {
namespace {

template <int K>
struct Sums {
  double of[K];
};

template <int K>
struct BlockSums {
  Sums<K> of[kBlock];
};

// parts[chunk][k][channel] = the sums over the chunk's rows of what `add` adds for each value.
template <int K, class Add>
__global__ void __launch_bounds__(kBlock)
    sum_kernel(const ChannelColumns columns, const Add add, double* __restrict__ parts) {
  BlockSums<K>& shared = shared_as<BlockSums<K>>();
  const int lane = static_cast<int>(threadIdx.x) % columns.width;
  const int first = static_cast<int>(threadIdx.x) / columns.width;
  const int at_once = static_cast<int>(blockDim.x) / columns.width;
  const std::int64_t chunk = blockIdx.x / columns.groups();
  const std::int64_t c = blockIdx.x % columns.groups() * columns.width + lane;
  const std::int64_t begin = chunk * columns.chunk;
  const std::int64_t end =
      begin + columns.chunk < columns.rows ? begin + columns.chunk : columns.rows;
  Sums<K> sums{};
  if (c < columns.channels) {
    for (std::int64_t row = begin + first; row < end; row += at_once) {
      add(row * columns.channels + c, c, sums.of);
    }
  }
  shared.of[threadIdx.x] = sums;
  for (int step = at_once / 2; step > 0; step /= 2) {
    __syncthreads();
    if (first < step) {
      for (int k = 0; k < K; ++k) {
        shared.of[threadIdx.x].of[k] +=
            shared.of[static_cast<int>(threadIdx.x) + step * columns.width].of[k];
      }
    }
  }
  if (first == 0 && c < columns.channels) {
    for (int k = 0; k < K; ++k) {
      parts[(chunk * K + k) * columns.channels + c] = shared.of[threadIdx.x].of[k];
    }
  }
}

template <int K>
__device__ Sums<K> total(const ChannelColumns& columns, const double* parts, std::int64_t c) {
  Sums<K> sums{};
  for (std::int64_t chunk = 0; chunk < columns.chunks(); ++chunk) {
    for (int k = 0; k < K; ++k) {
      sums.of[k] += parts[(chunk * K + k) * columns.channels + c];
    }
  }
  return sums;
}

template <class T>
struct AddMoments {
  const T* x;

  __device__ void operator()(std::int64_t at, std::int64_t c, double* sums) const {
    const double apart = static_cast<double>(x[at]) - static_cast<double>(x[c]);
    sums[0] += apart;
    sums[1] += apart * apart;
  }
};

template <class T>
__device__ double value_at(const void* x, std::int64_t at) {
  return static_cast<double>(static_cast<const T*>(x)[at]);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    finish_kernel(const BatchNormShape p, const ChannelColumns columns, const BatchNormTrain t,
                  const double* __restrict__ parts, double* __restrict__ numbers) {
  const std::int64_t c = thread_number();
  if (c >= columns.channels) {
    return;
  }
  const auto n = static_cast<double>(columns.rows);
  const Sums<kTrainSums> sums = total<kTrainSums>(columns, parts, c);
  const double apart = sums.of[0] / n;
  const double mean = value_at<T>(t.x, c) + apart;
  const double rest = sums.of[1] - sums.of[0] * apart;
  const double squares = rest < 0 ? 0.0 : rest;
  const double var = squares / n;
  numbers[c] = mean;
  numbers[columns.channels + c] = static_cast<double>(t.scale[c]) / sqrt(var + p.epsilon);
  numbers[2 * columns.channels + c] = static_cast<double>(t.bias[c]);
  store_statistics(p, t, c, mean, squares);
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    normalise_kernel(const BatchNormShape p, const ChannelColumns columns, const BatchNormTrain t,
                     const double* __restrict__ numbers) {
  const std::int64_t i = thread_number();
  if (i >= columns.rows * columns.channels) {
    return;
  }
  const std::int64_t c = i % columns.channels;
  const double value = (value_at<T>(t.x, i) - numbers[c]) * numbers[columns.channels + c] +
                       numbers[2 * columns.channels + c];
  if (t.y != nullptr) {
    static_cast<T*>(t.y)[i] = static_cast<float>(p.rectifier(value));
  }
  if (t.mask != nullptr) {
    t.mask[i] = p.rectifier.passes(value);
  }
}

template <class T>
__device__ double gradient_at(const BatchNormGrad& t, std::int64_t at) {
  return t.mask == nullptr || t.mask[at] ? value_at<T>(t.dy, at) : 0.0;
}

// How far the values are from the rounded mean, the gradients, and their products.
template <class T>
struct AddGradients {
  BatchNormGrad t;

  __device__ void operator()(std::int64_t at, std::int64_t c, double* sums) const {
    const double apart = value_at<T>(t.x, at) - static_cast<double>(t.batch_mean[c]);
    const double g = gradient_at<T>(t, at);
    sums[0] += apart;
    sums[1] += g;
    sums[2] += g * apart;
  }
};

// dscale = sum dy h,  dbias = sum dy,  h = (x - mean) r
__global__ void __launch_bounds__(kBlock, 2)
    finish_grad_kernel(const BatchNormShape p, const ChannelColumns columns, const BatchNormGrad t,
                       const double* __restrict__ parts, double* __restrict__ numbers) {
  const std::int64_t c = thread_number();
  if (c >= columns.channels) {
    return;
  }
  const auto n = static_cast<double>(columns.rows);
  const Sums<kGradSums> sums = total<kGradSums>(columns, parts, c);
  const double missed = sums.of[0] / n;  // by the rounded mean
  const double r = 1.0 / sqrt(static_cast<double>(t.batch_var[c]) + p.epsilon);
  const double dbias = sums.of[1], dscale = (sums.of[2] - missed * sums.of[1]) * r;
  numbers[c] = static_cast<double>(t.batch_mean[c]) + missed;
  numbers[columns.channels + c] = r * static_cast<double>(t.scale[c]);
  numbers[2 * columns.channels + c] = dbias / n;
  numbers[3 * columns.channels + c] = dscale / n * r;
  store_parameter_gradients(t, c, dscale, dbias);
}

// dx = r scale (dy - dbias / n - h dscale / n)
template <class T>
__global__ void __launch_bounds__(kBlock)
    grad_kernel(const ChannelColumns columns, const BatchNormGrad t,
                const double* __restrict__ numbers) {
  const std::int64_t i = thread_number();
  if (i < columns.rows * columns.channels) {
    const std::int64_t n = columns.channels, c = i % n;
    const double apart = value_at<T>(t.x, i) - numbers[c];
    static_cast<T*>(t.dx)[i] = static_cast<float>(
        numbers[n + c] * (gradient_at<T>(t, i) - numbers[2 * n + c] - apart * numbers[3 * n + c]));
  }
}

template <int K, class Add>
void sum_columns(const ChannelColumns& columns, const Add& add, double* parts,
                 StreamHandle stream) {
  launch(sum_kernel<K, Add>, columns.groups() * columns.chunks(), kBlock, sizeof(BlockSums<K>),
         stream, columns, add, parts);
}

}  // namespace

ChannelColumns ChannelColumns::of(std::int64_t rows, std::int64_t channels) {
  constexpr std::int64_t kBlocks = 512, kFewRows = 64;
  ChannelColumns columns;
  columns.rows = rows;
  columns.channels = channels;
  columns.width = 1;
  while (columns.width < 32 && columns.width < channels) {
    columns.width *= 2;
  }
  const std::int64_t wanted = kBlocks / columns.groups() + 1;
  const std::int64_t chunk = (rows + wanted - 1) / wanted;
  columns.chunk = chunk < kFewRows ? kFewRows : chunk;
  return columns;
}

std::size_t ChannelColumns::workspace_bytes(int sums, int numbers) const {
  return static_cast<std::size_t>(chunks() * sums + numbers) * static_cast<std::size_t>(channels) *
         sizeof(double);
}

void batch_norm_train_columns(const BatchNormShape& shape, const BatchNormTrain& tensors,
                              double* workspace, StreamHandle stream) {
  const ChannelColumns columns = ChannelColumns::of(shape.batch, shape.channels);
  double* numbers = workspace + columns.chunks() * kTrainSums * columns.channels;
  visit_stored(tensors.dtype, [&]<class T>(T) {
    sum_columns<kTrainSums>(columns, AddMoments<T>{static_cast<const T*>(tensors.x)}, workspace,
                            stream);
    launch_elements(finish_kernel<T>, columns.channels, stream, shape, columns, tensors, workspace,
                    numbers);
    launch_elements(normalise_kernel<T>, columns.rows * columns.channels, stream, shape, columns,
                    tensors, numbers);
  });
}

void batch_norm_train_grad_columns(const BatchNormShape& shape, const BatchNormGrad& tensors,
                                   double* workspace, StreamHandle stream) {
  const ChannelColumns columns = ChannelColumns::of(shape.batch, shape.channels);
  double* numbers = workspace + columns.chunks() * kGradSums * columns.channels;
  visit_stored(tensors.dtype, [&]<class T>(T) {
    sum_columns<kGradSums>(columns, AddGradients<T>{tensors}, workspace, stream);
    launch_elements(finish_grad_kernel, columns.channels, stream, shape, columns, tensors,
                    workspace, numbers);
    if (tensors.dx != nullptr) {
      launch_elements(grad_kernel<T>, columns.rows * columns.channels, stream, columns, tensors,
                      numbers);
    }
  });
}

}  // namespace temper::cuda
