// Pooling over windows. Tensors are [outer, spatial.., lanes]: with channels last the lanes are
// channels, in plain ones there is one.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"
#include "runtime/base/window.h"

namespace temper::cuda {

struct PoolShape {
  std::int64_t kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3];
  std::int64_t in[3], out[3];
  std::int64_t planes, lanes;  // planes: outer times lanes
  bool count_padding, column_major;

  constexpr std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  constexpr std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
};

// Of f32, f16 or bf16.

// y, ONNX's indices, and the place of the first maximum within its plane, or -1; each may be null.
void max_pool(const PoolShape& shape, DType dtype, const void* x, void* y, std::int64_t* indices,
              std::int64_t* saved, StreamHandle stream);
void max_pool_grad(const PoolShape& shape, DType dtype, const void* dy, const std::int64_t* saved,
                   void* dx, StreamHandle stream);
void average_pool(const PoolShape& shape, DType dtype, const void* x, void* y, StreamHandle stream);
void average_pool_grad(const PoolShape& shape, DType dtype, const void* dy, void* dx,
                       StreamHandle stream);

}  // namespace temper::cuda
