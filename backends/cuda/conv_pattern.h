// A convolution as cuDNN is asked for it: one product of three tensors, with or without a bias and
// a ReLU behind it. The same for both sides of cudnn_support.h, so that what no plan of cuDNN has
// is refused on the emulated device too.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/backend/kernel.h"

namespace temper::cuda {

enum class ConvProduct { kForward, kGradData, kGradWeights };

struct ConvTensor {
  std::vector<std::int64_t> sizes, strides;  // [first, second, two or three spatial]
  bool is_output = false;
  std::size_t index = 0;  // among the query's inputs or outputs
};

struct ConvPattern {
  ConvProduct product = ConvProduct::kForward;
  DType dtype = DType::kFloat32;  // of all tensors; sums are in f32
  // x [N, C, d...], w [M, C / group, k...], y [N, M, o...]: y is the sum over x and w, and each of
  // the gradients the sum over the two others.
  ConvTensor x, w, y;
  std::vector<std::int64_t> strides, dilations, pads_begin, pads_end;
  bool bias = false;  // the query's input 2
  bool relu = false;
  bool tf32 = false;  // f32 may be rounded to TF32 before it is multiplied

  const ConvTensor& result() const {
    return product == ConvProduct::kForward ? y : product == ConvProduct::kGradData ? x : w;
  }
};

// "No" with the reason for what is no such product. One spatial dimension becomes two.
Support read_pattern(const OpQuery& query, ConvPattern& pattern);

// One line that says it all, such as "forward float32 x 8x3x32x32 w 16x3x3x3 y 8x16x32x32
// strides 1x1 dilations 1x1 pads 1x1 to 1x1 bias relu"; tensors that are not plain name their
// strides.
std::string to_string(const ConvPattern& pattern);

}  // namespace temper::cuda
