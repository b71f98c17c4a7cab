// Convolutions in all three directions by direct sums, for what cuDNN has no plan for, and what is
// done around its plans. Tensors are plain: x [N, C, d...], w [M, C / group, k...], y [N, M, o...].
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"
#include "runtime/base/rectifier.h"

namespace temper::cuda {

struct ConvShape {
  std::int64_t kernel[3], stride[3], dilation[3], pad_begin[3];
  std::int64_t in[3], out[3];
  std::int64_t batch, group;
  std::int64_t group_in, group_out;  // channels per group

  constexpr std::int64_t in_channels() const { return group_in * group; }
  constexpr std::int64_t out_channels() const { return group_out * group; }
  constexpr std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  constexpr std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
  constexpr std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// `bias` may be null.
void conv_direct(const ConvShape& shape, const Rectifier& rectifier, const float* x, const float* w,
                 const float* bias, float* y, StreamHandle stream);
// `bias` [C] is of dx, for ConvTranspose; it may be null.
void conv_grad_data_direct(const ConvShape& shape, const float* w, const float* dy,
                           const float* bias, float* dx, StreamHandle stream);
void conv_grad_weights_direct(const ConvShape& shape, const float* x, const float* dy, float* dw,
                              StreamHandle stream);

// y = rectifier(y + bias[channel]) in place; the channel of element i is i / inner % channels.
struct ConvFinish {
  DType dtype = DType::kFloat32;  // of y and the bias: f32, f16, bf16
  std::int64_t count = 0, channels = 1, inner = 1;
  Rectifier rectifier;
};
void finish_conv(const ConvFinish& finish, const void* bias, void* y, StreamHandle stream);

// db[m] = sum over n and o of dy; the steps say where its elements lie.
struct BiasGradient {
  DType dtype = DType::kFloat32, bias_dtype = DType::kFloat32;
  std::int64_t batch = 0, channels = 0, plane = 0;
  std::int64_t batch_step = 0, channel_step = 0, plane_step = 0;
};
void conv_bias_gradient(const BiasGradient& sizes, const void* dy, void* db, StreamHandle stream);

}  // namespace temper::cuda
