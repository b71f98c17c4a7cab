// A Conv's attributes and shapes as oneDNN wants them, shared by the forward kernel and its two
// gradients.
#pragma once

#include <optional>
#include <string>

#include "backends/cpu/onednn_support.h"

namespace temper::cpu {

struct ConvGeometry {
  Dims x, w, y;  // w with the group in front when there are groups
  Shape weight_shape;
  std::int64_t groups = 1;
  Dims strides, dilations, pads_begin, pads_end;

  double flops() const;
  double elements() const;  // of x, w and y
};

// "" or why oneDNN cannot take it; fills `geometry`.
std::string read_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y,
                      ConvGeometry& geometry);

// "" or why bf16 goes another way: few channels of many samples are faster by way of f32.
std::string refuse_few_channels(DType type, const Attrs& attrs, const Shape& x, const Shape& w,
                                const Shape& y);

// The tensors of a convolution or of one of its gradients, in a query; no bias: null.
struct ConvTensors {
  TensorSpec *x, *w, *y, *bias;
};
// Makes them those of a convolution of few channels and pixels with the same windows.
void shrink_conv(Attrs& attrs, const ConvTensors& tensors);

// Layouts are those of ONNX's weight tensor [O, I/group, k...]; oneDNN's has the group as an axis
// of its own. Empty: the descriptor has no such layout (blocks that cross the group border).
std::optional<Layout> weights_layout(const ConvGeometry& geometry, const Desc& desc);
// Empty: oneDNN has no such descriptor.
std::optional<Desc> weights_descriptor(const ConvGeometry& geometry, const Layout& layout,
                                       DType dtype);

}  // namespace temper::cpu
