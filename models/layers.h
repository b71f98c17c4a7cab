// The vocabulary that architectures are written in: layers with PyTorch's parameters and default
// initialisation. Each opens the scope `name`, takes its input's sizes from the caller, and returns
// its output.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "models/network.h"

namespace temper::models {

// --- linear
// ----------------------------------------------------------------------------------------

struct LinearOptions {
  bool bias = true;
  std::optional<Init> weight = {};       // nn.Linear's default when left out
  std::optional<Init> bias_values = {};  // the same
};

// [N, inputs] -> [N, outputs]; the weight is [outputs, inputs].
ValueId linear(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
               std::int64_t outputs, const LinearOptions& options = {});
// [..., inputs] -> [..., outputs] for any number of dimensions in front. The weight is
// [inputs, outputs], as MatMul takes it and PyTorch's exporter writes it.
ValueId linear_last(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
                    std::int64_t outputs, const LinearOptions& options = {});
// Whole numbers [...] -> [..., width].
ValueId embedding(Network& n, std::string_view name, ValueId tokens, std::int64_t count,
                  std::int64_t width, const Init& init = Init::normal(1));

// --- convolution
// -----------------------------------------------------------------------------------

struct ConvOptions {
  std::int64_t kernel = 3;
  std::int64_t stride = 1;
  std::int64_t pad = 0;
  std::int64_t groups = 1;
  std::int64_t dilation = 1;
  std::int64_t output_pad = 0;  // conv_transpose only
  int axes = 2;                 // 1: over a sequence
  bool causal = false;          // padded in front alone, so that no step sees a later one
  bool bias = true;
  std::optional<Init> weight = {};       // nn.Conv's default when left out
  std::optional<Init> bias_values = {};  // the same
};

// [N, inputs, d...] -> [N, outputs, d'...].
ValueId conv(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
             std::int64_t outputs, const ConvOptions& options);
ValueId conv_transpose(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
                       std::int64_t outputs, const ConvOptions& options);

// --- norms
// -----------------------------------------------------------------------------------------

// Along axis 1; running statistics in inference form, which training brings up to date.
ValueId batch_norm(Network& n, std::string_view name, ValueId x, std::int64_t channels,
                   const Init& weight = Init::constant(1));
// Conv without bias and BatchNorm, the weights beginning as torchvision's: by fan_out.
ValueId conv_bn(Network& n, std::string_view conv_name, std::string_view norm_name, ValueId x,
                std::int64_t inputs, std::int64_t outputs, ConvOptions options);
// Along the last axis.
ValueId layer_norm(Network& n, std::string_view name, ValueId x, std::int64_t width,
                   double epsilon = 1e-5);
ValueId rms_norm(Network& n, std::string_view name, ValueId x, std::int64_t width, double epsilon);

// --- without parameters
// ----------------------------------------------------------------------------

ValueId relu(Network& n, ValueId x);
ValueId leaky_relu(Network& n, ValueId x, double slope);
ValueId relu6(Network& n, ValueId x);
// By the error function, or by tanh.
ValueId gelu(Network& n, ValueId x, bool by_tanh = false);
ValueId silu(Network& n, ValueId x);
// Active in training only; no node at all for a share of 0.
ValueId dropout(Network& n, ValueId x, double share);
ValueId max_pool(Network& n, ValueId x, std::int64_t kernel, std::int64_t stride,
                 std::int64_t pad = 0);
ValueId global_average(Network& n, ValueId x);  // [N, C, d...] -> [N, C]
ValueId add(Network& n, ValueId a, ValueId b);
ValueId mul(Network& n, ValueId a, ValueId b);
ValueId concat_along(Network& n, const std::vector<ValueId>& parts, std::int64_t axis);
// A dimension 0 is the input's, one of -1 is what is left.
ValueId reshape(Network& n, ValueId x, const std::vector<std::int64_t>& shape);
ValueId transpose(Network& n, ValueId x, const std::vector<std::int64_t>& perm);
ValueId unsqueeze(Network& n, ValueId x, const std::vector<std::int64_t>& axes);
// Entry `index` along an axis, which goes; -1 is the last.
ValueId pick(Network& n, ValueId x, std::int64_t axis, std::int64_t index);
// A scalar: how long an axis is.
ValueId length(Network& n, ValueId x, std::int64_t axis);
// 0, 1, ... up to that length.
ValueId positions(Network& n, ValueId x, std::int64_t axis);

}  // namespace temper::models
