// A model with 8-bit weights whose products quantise what they multiply while it runs, by the range
// it has then: DynamicQuantizeLinear, MatMulInteger or ConvInteger, Cast and Mul by both scales, as
// onnxruntime.quantization.quantize_dynamic writes it. No data are needed.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct QuantizeDynamicOptions {
  NameTest skip;  // layers, by module path, weight or node; none: no layer is left out
  bool per_channel = true;
};

// Of Conv, Gemm and MatMul with stored float32 weights. BatchNormalization is folded first. Returns
// how many were quantised; notes say it, and which stay. THROWS: kUnsupported when the opset is
// below 11 or there is no such layer; kInvalidArgument when the options leave none.
int quantize_dynamic(ModelEdit& edit, const QuantizeDynamicOptions& options);

struct QuantizeBlocksOptions {
  std::int64_t block = 32;  // inputs that share a scale
  NameTest skip;
};

// 4-bit weights for Gemm and MatMul, a scale for each block of inputs of each output, read through
// DequantizeLinear with block_size; values stay floats. Returns how many. THROWS: kUnsupported when
// the opset is below 21; as quantize_dynamic().
int quantize_blocks(ModelEdit& edit, const QuantizeBlocksOptions& options);

}  // namespace temper::graph
