#include "models/layers.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace temper::models {
namespace {

using Ints = std::vector<std::int64_t>;
using Scope = Network::Scope;

Attrs window(const ConvOptions& options) {
  const auto axes = static_cast<std::size_t>(options.axes);
  Attrs attrs = {{"kernel_shape", Ints(axes, options.kernel)},
                 {"strides", Ints(axes, options.stride)},
                 {"pads", Ints(2 * axes, options.pad)},
                 {"dilations", Ints(axes, options.dilation)},
                 {"group", options.groups}};
  if (options.causal) {
    Ints pads(axes, (options.kernel - 1) * options.dilation);
    pads.resize(2 * axes);
    attrs.set("pads", pads);
  }
  if (options.output_pad != 0) {
    attrs.set("output_padding", Ints(axes, options.output_pad));
  }
  return attrs;
}

// Weight [first, second, k...] and bias; `fan_in` as PyTorch counts it: of dimension 1.
std::vector<ValueId> conv_inputs(Network& n, ValueId x, std::int64_t first, std::int64_t second,
                                 std::int64_t outputs, const ConvOptions& options) {
  Shape shape{first, second};
  for (int i = 0; i < options.axes; ++i) {
    shape.push_back(options.kernel);
  }
  const Init fan_in = Init::fan_in(shape.count(1, shape.rank()));
  std::vector<ValueId> inputs = {x, n.parameter("weight", shape, options.weight.value_or(fan_in))};
  if (options.bias) {
    inputs.push_back(n.parameter("bias", {outputs}, options.bias_values.value_or(fan_in)));
  }
  return inputs;
}

}  // namespace

ValueId linear(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
               std::int64_t outputs, const LinearOptions& options) {
  const Scope scope(n, name);
  const Init fan_in = Init::fan_in(inputs);
  std::vector<ValueId> operands = {
      x, n.parameter("weight", {outputs, inputs}, options.weight.value_or(fan_in))};
  if (options.bias) {
    operands.push_back(n.parameter("bias", {outputs}, options.bias_values.value_or(fan_in)));
  }
  return n.op("Gemm", operands, {{"transB", std::int64_t{1}}});
}

ValueId linear_last(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
                    std::int64_t outputs, const LinearOptions& options) {
  const Scope scope(n, name);
  const Init fan_in = Init::fan_in(inputs);
  const ValueId weight = n.parameter("weight", {inputs, outputs}, options.weight.value_or(fan_in));
  const ValueId y = n.op("MatMul", {x, weight});
  return options.bias
             ? add(n, y, n.parameter("bias", {outputs}, options.bias_values.value_or(fan_in)))
             : y;
}

ValueId embedding(Network& n, std::string_view name, ValueId tokens, std::int64_t count,
                  std::int64_t width, const Init& init) {
  const Scope scope(n, name);
  return n.op("Gather", {n.parameter("weight", {count, width}, init), tokens});
}

ValueId conv(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
             std::int64_t outputs, const ConvOptions& options) {
  const Scope scope(n, name);
  return n.op("Conv", conv_inputs(n, x, outputs, inputs / options.groups, outputs, options),
              window(options));
}

ValueId conv_transpose(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
                       std::int64_t outputs, const ConvOptions& options) {
  const Scope scope(n, name);
  return n.op("ConvTranspose",
              conv_inputs(n, x, inputs, outputs / options.groups, outputs, options),
              window(options));
}

ValueId batch_norm(Network& n, std::string_view name, ValueId x, std::int64_t channels,
                   const Init& weight) {
  const Scope scope(n, name);
  const ValueId scale = n.parameter("weight", {channels}, weight);
  const ValueId bias = n.parameter("bias", {channels}, Init::constant(0));
  const ValueId mean = n.statistic("running_mean", {channels}, 0);
  const ValueId variance = n.statistic("running_var", {channels}, 1);
  return n.op("BatchNormalization", {x, scale, bias, mean, variance},
              {{"epsilon", 1e-5}, {"momentum", 0.9}});
}

ValueId conv_bn(Network& n, std::string_view conv_name, std::string_view norm_name, ValueId x,
                std::int64_t inputs, std::int64_t outputs, ConvOptions options) {
  options.bias = false;
  options.weight = Init::fan_out(outputs * options.kernel * options.kernel);
  return batch_norm(n, norm_name, conv(n, conv_name, x, inputs, outputs, options), outputs);
}

ValueId layer_norm(Network& n, std::string_view name, ValueId x, std::int64_t width,
                   double epsilon) {
  const Scope scope(n, name);
  const ValueId scale = n.parameter("weight", {width}, Init::constant(1));
  const ValueId bias = n.parameter("bias", {width}, Init::constant(0));
  return n.op("LayerNormalization", {x, scale, bias},
              {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}});
}

// y = x / sqrt(mean(x^2) + epsilon) weight
ValueId rms_norm(Network& n, std::string_view name, ValueId x, std::int64_t width, double epsilon) {
  const Scope scope(n, name);
  const ValueId weight = n.parameter("weight", {width}, Init::constant(1));
  if (n.opset() >= 23) {
    return n.op("RMSNormalization", {x, weight},
                {{"axis", std::int64_t{-1}}, {"epsilon", epsilon}});
  }
  const ValueId mean = n.op("ReduceMean", {mul(n, x, x), n.ints({-1})});
  const ValueId root = n.op("Sqrt", {add(n, mean, n.number(epsilon))});
  return mul(n, n.op("Div", {x, root}), weight);
}

ValueId relu(Network& n, ValueId x) { return n.op("Relu", {x}); }

ValueId leaky_relu(Network& n, ValueId x, double slope) {
  return n.op("LeakyRelu", {x}, {{"alpha", slope}});
}

ValueId relu6(Network& n, ValueId x) { return n.op("Clip", {x, n.number(0), n.number(6)}); }

ValueId gelu(Network& n, ValueId x, bool by_tanh) {
  if (n.opset() >= 20) {
    return n.op("Gelu", {x}, {{"approximate", by_tanh ? "tanh" : "none"}});
  }
  const ValueId half = mul(n, x, n.number(0.5));
  if (!by_tanh) {
    const ValueId erf = n.op("Erf", {n.op("Div", {x, n.number(std::numbers::sqrt2)})});
    return mul(n, half, add(n, erf, n.number(1)));
  }
  const ValueId cube = mul(n, mul(n, x, mul(n, x, x)), n.number(0.044715));
  const ValueId inner = mul(n, add(n, x, cube), n.number(std::sqrt(2 / std::numbers::pi)));
  return mul(n, half, add(n, n.op("Tanh", {inner}), n.number(1)));
}

ValueId silu(Network& n, ValueId x) { return mul(n, x, n.op("Sigmoid", {x})); }

ValueId dropout(Network& n, ValueId x, double share) {
  return share == 0 ? x : n.op("Dropout", {x, n.number(share)});
}

ValueId max_pool(Network& n, ValueId x, std::int64_t kernel, std::int64_t stride,
                 std::int64_t pad) {
  return n.op("MaxPool", {x},
              {{"kernel_shape", Ints{kernel, kernel}},
               {"strides", Ints{stride, stride}},
               {"pads", Ints{pad, pad, pad, pad}}});
}

ValueId global_average(Network& n, ValueId x) {
  return n.op("Flatten", {n.op("GlobalAveragePool", {x})});
}

ValueId add(Network& n, ValueId a, ValueId b) { return n.op("Add", {a, b}); }

ValueId mul(Network& n, ValueId a, ValueId b) { return n.op("Mul", {a, b}); }

ValueId concat_along(Network& n, const std::vector<ValueId>& parts, std::int64_t axis) {
  return n.op("Concat", parts, {{"axis", axis}});
}

ValueId reshape(Network& n, ValueId x, const std::vector<std::int64_t>& shape) {
  return n.op("Reshape", {x, n.ints(shape)});
}

ValueId transpose(Network& n, ValueId x, const std::vector<std::int64_t>& perm) {
  return n.op("Transpose", {x}, {{"perm", perm}});
}

ValueId unsqueeze(Network& n, ValueId x, const std::vector<std::int64_t>& axes) {
  return n.op("Unsqueeze", {x, n.ints(axes)});
}

ValueId pick(Network& n, ValueId x, std::int64_t axis, std::int64_t index) {
  return n.op("Gather", {x, n.whole(index)}, {{"axis", axis}});
}

ValueId length(Network& n, ValueId x, std::int64_t axis) {
  return pick(n, n.op("Shape", {x}), 0, axis);
}

ValueId positions(Network& n, ValueId x, std::int64_t axis) {
  return n.op("Range", {n.whole(0), length(n, x, axis), n.whole(1)});
}

}  // namespace temper::models
