// A block per channel: sums in double, then every value of the channel.
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/batch_norm_channel.cuh"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock)
    inference_kernel(const BatchNormShape p, const T* __restrict__ x,
                     const float* __restrict__ scale, const float* __restrict__ bias,
                     const float* __restrict__ mean, const float* __restrict__ var,
                     T* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < p.values() * p.channels) {
    const std::int64_t c = i / p.plane % p.channels;
    const double factor =
        static_cast<double>(scale[c]) / sqrt(static_cast<double>(var[c]) + p.epsilon);
    const double value = (static_cast<double>(x[i]) - static_cast<double>(mean[c])) * factor +
                         static_cast<double>(bias[c]);
    y[i] = static_cast<float>(p.rectifier(value));
  }
}

template <class T>
__global__ void __launch_bounds__(kBlock)
    train_kernel(const BatchNormShape p, const BatchNormTrain t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const T* x = static_cast<const T*>(t.x);
  T* y = static_cast<T*>(t.y);
  const std::int64_t c = blockIdx.x;
  const double n = static_cast<double>(p.values());
  double sum = 0;
  for (std::int64_t i = threadIdx.x; i < p.values(); i += blockDim.x) {
    sum += static_cast<double>(x[p.at(c, i)]);
  }
  const double mean = block_reduce<Sum>(sum, scratch, 0.0) / n;
  double squares = 0;
  for (std::int64_t i = threadIdx.x; i < p.values(); i += blockDim.x) {
    const double centred = static_cast<double>(x[p.at(c, i)]) - mean;
    squares += centred * centred;
  }
  squares = block_reduce<Sum>(squares, scratch, 0.0);
  const double var = squares / n;
  const double factor = static_cast<double>(t.scale[c]) / sqrt(var + p.epsilon);
  for (std::int64_t i = threadIdx.x; i < p.values(); i += blockDim.x) {
    const std::int64_t at = p.at(c, i);
    const double value =
        (static_cast<double>(x[at]) - mean) * factor + static_cast<double>(t.bias[c]);
    if (y != nullptr) {
      y[at] = static_cast<float>(p.rectifier(value));
    }
    if (t.mask != nullptr) {
      t.mask[at] = p.rectifier.passes(value);
    }
  }
  if (threadIdx.x == 0) {
    store_statistics(p, t, c, mean, squares);
  }
}

// dscale = sum dy h,  dbias = sum dy,  dx = r scale (dy - dbias / n - h dscale / n),
// h = (x - mean) r
template <class T>
__global__ void __launch_bounds__(kBlock)
    train_grad_kernel(const BatchNormShape p, const BatchNormGrad t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const T *x = static_cast<const T*>(t.x), *dy = static_cast<const T*>(t.dy);
  T* dx = static_cast<T*>(t.dx);
  const std::int64_t c = blockIdx.x;
  const double n = static_cast<double>(p.values());
  const auto near = static_cast<double>(t.batch_mean[c]);
  // Of the values rather than rounded: a large mean would cost digits.
  double total = 0;
  for (std::int64_t i = threadIdx.x; i < p.values(); i += blockDim.x) {
    total += static_cast<double>(x[p.at(c, i)]) - near;
  }
  const double mean = near + block_reduce<Sum>(total, scratch, 0.0) / n;
  const double r = 1.0 / sqrt(static_cast<double>(t.batch_var[c]) + p.epsilon);
  const auto scale = static_cast<double>(t.scale[c]);
  const auto gradient = [&](std::int64_t at) {
    if (!p.rectifier.on) {
      return static_cast<double>(dy[at]);
    }
    const double value =
        (static_cast<double>(x[at]) - mean) * (scale * r) + static_cast<double>(t.bias[c]);
    const bool passed = t.mask != nullptr ? t.mask[at] : p.rectifier.passes(value);
    return passed ? static_cast<double>(dy[at]) : 0.0;
  };
  double dscale = 0, dbias = 0;
  for (std::int64_t i = threadIdx.x; i < p.values(); i += blockDim.x) {
    const std::int64_t at = p.at(c, i);
    dbias += gradient(at);
    dscale += gradient(at) * (static_cast<double>(x[at]) - mean) * r;
  }
  dscale = block_reduce<Sum>(dscale, scratch, 0.0);
  dbias = block_reduce<Sum>(dbias, scratch, 0.0);
  for (std::int64_t i = threadIdx.x; dx != nullptr && i < p.values(); i += blockDim.x) {
    const std::int64_t at = p.at(c, i);
    const double h = (static_cast<double>(x[at]) - mean) * r;
    dx[at] = static_cast<float>(r * scale * (gradient(at) - dbias / n - h * dscale / n));
  }
  if (threadIdx.x == 0) {
    store_parameter_gradients(t, c, dscale, dbias);
  }
}

}  // namespace

void batch_norm(const BatchNormShape& shape, DType dtype, const void* x, const float* scale,
                const float* bias, const float* mean, const float* var, void* y,
                StreamHandle stream) {
  visit_stored(dtype, [&]<class T>(T) {
    launch_elements(inference_kernel<T>, shape.values() * shape.channels, stream, shape,
                    static_cast<const T*>(x), scale, bias, mean, var, static_cast<T*>(y));
  });
}

void batch_norm_train(const BatchNormShape& shape, const BatchNormTrain& tensors,
                      StreamHandle stream) {
  visit_stored(tensors.dtype, [&]<class T>(T) {
    launch(train_kernel<T>, shape.channels, kBlock, sizeof(Scratch<double>), stream, shape,
           tensors);
  });
}

void batch_norm_train_grad(const BatchNormShape& shape, const BatchNormGrad& tensors,
                           StreamHandle stream) {
  visit_stored(tensors.dtype, [&]<class T>(T) {
    launch(train_grad_kernel<T>, shape.channels, kBlock, sizeof(Scratch<double>), stream, shape,
           tensors);
  });
}

}  // namespace temper::cuda
