// How real numbers become integers and back: q = saturate(round(x / scale) + zero), and
// x = scale (q - zero), as ONNX's QuantizeLinear and DequantizeLinear have it.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"
#include "runtime/memory/tensor.h"

namespace temper::graph {

struct Quantization {
  DType type = DType::kInt8;
  std::vector<float> scales;        // each above 0
  std::vector<std::int64_t> zeros;  // one per scale
  int axis = -1;                    // with a scale for each entry; -1: one scale for all
  std::int64_t block = 0;           // above 0: a scale for each so many entries along `axis`

  // Of scales and zero points, for a tensor of this shape.
  Shape scale_shape(const Shape& tensor) const;
};

// The integers of a type that are used: all of them, or, where zero is in the middle, as many below
// it as above.
struct IntegerRange {
  double low = 0, high = 0;
};
IntegerRange integers_of(DType type, bool symmetric);

// Of values between these, widened to hold 0 so that 0 stays what it is. Scale and zero point as
// onnxruntime.quantization's compute_scale_zp:
//   scale = (high - low) / (qmax - qmin);  zero = round(qmin - low / scale)
// and for `symmetric` with high = -low = the larger of both, zero the middle.
Quantization quantization_of(double low, double high, DType type, bool symmetric);

// Of a stored tensor, symmetric, with one scale or (axis 0 or more) one for each entry of an axis,
// or for each `block` entries along it.
Quantization weight_quantization(const Tensor& weight, DType type, int axis,
                                 std::int64_t block = 0);

// Of the bias of a product of integers, int32: a scale is that of the input times the weight's.
// `per_output`: the weight has one for each output.
Quantization bias_quantization(float input_scale, const std::vector<float>& weight_scales,
                               bool per_output);

// The integers of a float tensor. REQUIRES: scales for its shape.
Tensor quantized(const Tensor& values, const Quantization& by);

}  // namespace temper::graph
