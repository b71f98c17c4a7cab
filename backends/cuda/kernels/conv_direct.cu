// Forward: a thread per output. Gradient of the data: a thread per input, which looks at the
// windows that hold it. Gradient of the weights: a block per weight. Sums have one order, in
// double.
#include "backends/cuda/device/any_type.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/device/windows.cuh"
#include "backends/cuda/kernels/conv_direct.h"

namespace temper::cuda {
namespace {

// y[n,m,o] = bias[m] + sum_{c,k} w[m,c,k] x[n,c,o*stride - pad + k*dilation]
__global__ void __launch_bounds__(kBlock, 2)
    conv_kernel(const ConvShape p, const Rectifier rectifier, const float* __restrict__ x,
                const float* __restrict__ w, const float* __restrict__ bias,
                float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i >= p.batch * p.out_channels() * p.out_plane()) {
    return;
  }
  const std::int64_t m = i / p.out_plane() % p.out_channels();
  const std::int64_t n = i / p.out_plane() / p.out_channels();
  const float* from = x + (n * p.in_channels() + m / p.group_out * p.group_in) * p.in_plane();
  const float* filter = w + m * p.group_in * p.taps();
  double sum = bias == nullptr ? 0.0 : static_cast<double>(bias[m]);
  for_each_element(p, window_at(p, i % p.out_plane()), [&](std::int64_t place, std::int64_t tap) {
    for (std::int64_t c = 0; c < p.group_in; ++c) {
      sum += static_cast<double>(from[c * p.in_plane() + place]) *
             static_cast<double>(filter[c * p.taps() + tap]);
    }
  });
  y[i] = rectifier(static_cast<float>(sum));
}

// dx[n,c,i] = sum over the (m, o, k) whose tap is i of w[m,c,k] dy[n,m,o]
__global__ void __launch_bounds__(kBlock)
    conv_grad_data_kernel(const ConvShape p, const float* __restrict__ w,
                          const float* __restrict__ dy, const float* __restrict__ bias,
                          float* __restrict__ dx) {
  const std::int64_t i = thread_number();
  if (i >= p.batch * p.in_channels() * p.in_plane()) {
    return;
  }
  const std::int64_t c = i / p.in_plane() % p.in_channels();
  const std::int64_t n = i / p.in_plane() / p.in_channels();
  const std::int64_t first = c / p.group_in * p.group_out;
  const float* filter = w + (first * p.group_in + c % p.group_in) * p.taps();
  const float* from = dy + (n * p.out_channels() + first) * p.out_plane();
  double sum = 0;
  for_each_window(p, i % p.in_plane(), [&](std::int64_t place, std::int64_t tap) {
    for (std::int64_t m = 0; m < p.group_out; ++m) {
      sum += static_cast<double>(from[m * p.out_plane() + place]) *
             static_cast<double>(filter[m * p.group_in * p.taps() + tap]);
    }
  });
  dx[i] = static_cast<float>(sum) + (bias == nullptr ? 0.0f : bias[c]);
}

// dw[m,c,k] = sum_{n,o} dy[n,m,o] x[n,c,o*stride - pad + k*dilation]
__global__ void __launch_bounds__(kBlock)
    conv_grad_weights_kernel(const ConvShape p, const float* __restrict__ x,
                             const float* __restrict__ dy, float* __restrict__ dw) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const std::int64_t i = blockIdx.x;
  const std::int64_t tap = i % p.taps();
  const std::int64_t m = i / p.taps() / p.group_in;
  const std::int64_t c = m / p.group_out * p.group_in + i / p.taps() % p.group_in;
  const std::int64_t k[3] = {tap / p.kernel[2] / p.kernel[1], tap / p.kernel[2] % p.kernel[1],
                             tap % p.kernel[2]};
  double sum = 0;
  for (std::int64_t j = threadIdx.x; j < p.batch * p.out_plane(); j += blockDim.x) {
    const std::int64_t n = j / p.out_plane(), o = j % p.out_plane();
    const std::int64_t at[3] = {o / p.out[2] / p.out[1], o / p.out[2] % p.out[1], o % p.out[2]};
    std::int64_t place = 0;
    bool inside = true;
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t position =
          at[axis] * p.stride[axis] - p.pad_begin[axis] + k[axis] * p.dilation[axis];
      inside = inside && position >= 0 && position < p.in[axis];
      place = place * p.in[axis] + position;
    }
    if (inside) {
      sum += static_cast<double>(dy[(n * p.out_channels() + m) * p.out_plane() + o]) *
             static_cast<double>(x[(n * p.in_channels() + c) * p.in_plane() + place]);
    }
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0) {
    dw[i] = static_cast<float>(sum);
  }
}

__global__ void __launch_bounds__(kBlock)
    finish_kernel(const ConvFinish finish, const void* __restrict__ bias, void* y) {
  const std::int64_t i = thread_number();
  if (i >= finish.count) {
    return;
  }
  double sum = read_number(finish.dtype, y, i);
  if (bias != nullptr) {
    sum += read_number(finish.dtype, bias, i / finish.inner % finish.channels);
  }
  write_number(finish.dtype, y, i, finish.rectifier(sum));
}

__global__ void __launch_bounds__(kBlock)
    bias_gradient_kernel(const BiasGradient p, const void* __restrict__ dy, void* db) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const std::int64_t m = blockIdx.x;
  double sum = 0;
  for (std::int64_t j = threadIdx.x; j < p.batch * p.plane; j += blockDim.x) {
    sum += read_number(
        p.dtype, dy, j / p.plane * p.batch_step + m * p.channel_step + j % p.plane * p.plane_step);
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0) {
    write_number(p.bias_dtype, db, m, sum);
  }
}

}  // namespace

void conv_direct(const ConvShape& shape, const Rectifier& rectifier, const float* x, const float* w,
                 const float* bias, float* y, StreamHandle stream) {
  launch_elements(conv_kernel, shape.batch * shape.out_channels() * shape.out_plane(), stream,
                  shape, rectifier, x, w, bias, y);
}

void conv_grad_data_direct(const ConvShape& shape, const float* w, const float* dy,
                           const float* bias, float* dx, StreamHandle stream) {
  launch_elements(conv_grad_data_kernel, shape.batch * shape.in_channels() * shape.in_plane(),
                  stream, shape, w, dy, bias, dx);
}

void conv_grad_weights_direct(const ConvShape& shape, const float* x, const float* dy, float* dw,
                              StreamHandle stream) {
  const std::int64_t terms = shape.batch * shape.out_plane();
  const int threads = terms <= 64 ? 32 : terms <= 512 ? 128 : kBlock;
  launch(conv_grad_weights_kernel, shape.out_channels() * shape.group_in * shape.taps(), threads,
         sizeof(Scratch<double>), stream, shape, x, dy, dw);
}

void finish_conv(const ConvFinish& finish, const void* bias, void* y, StreamHandle stream) {
  launch_elements(finish_kernel, finish.count, stream, finish, bias, y);
}

void conv_bias_gradient(const BiasGradient& sizes, const void* dy, void* db, StreamHandle stream) {
  launch(bias_gradient_kernel, sizes.channels, kBlock, sizeof(Scratch<double>), stream, sizes, dy,
         db);
}

}  // namespace temper::cuda
