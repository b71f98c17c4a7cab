// Conv over one to three spatial dimensions and its two gradients.
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/conv_rules.h"
#include "graph/ops/product_work.h"
#include "graph/ops/weight_gradient.h"
#include "runtime/base/window.h"

namespace temper::graph {
namespace {

// x [N, C, d...], w [M, C / group, k...], b [M] -> y [N, M, o...]
Shape conv_output(InferContext& c, const Shape& x, const Shape& w) {
  const Spatial input = spatial_dims(x);
  c.check(w.rank() == x.rank(), "the weights have the shape ", w, ", but the input is ", x);
  Attrs& attrs = c.attrs();
  const std::int64_t group = attrs.get_int("group", 1);
  attrs.set("group", group);
  c.check(group > 0, "group is ", group, ", expected 1 or more");
  c.check(x[1] % group == 0 && x[1] / group == w[1], "the input ", x, " has ", x[1],
          " channels, but the weights ", w, " with group ", group, " take ", w[1], " per group");
  c.check(w[0] % group == 0, "the ", w[0], " output channels are not a multiple of group ", group);
  const Window window = window_of_weights(c, input, w);
  return shape_with_spatial(x[0], w[0], window_output(window, input, false), window.rank);
}

void infer_conv(InferContext& c) {
  c.require_same_dtype({0, 1, 2});
  const Shape out = conv_output(c, c.shape(0), c.shape(1));
  if (c.has_input(2)) {
    c.check(c.shape(2) == Shape{out[1]}, "the bias has the shape ", c.shape(2), ", expected ",
            Shape{out[1]});
  }
  c.set_output(0, c.dtype(0), out);
}

std::vector<std::int64_t> to_ints(const Shape& shape) { return {shape.begin(), shape.end()}; }

// The window of the convolution and nothing else.
Attrs window_attrs(Attrs attrs) {
  attrs.erase("input_shape");
  attrs.erase("weight_shape");
  return attrs;
}

ValueId conv_grad_data(GradContext& g, ValueId w, ValueId dy, const Shape& x) {
  Attrs attrs = window_attrs(g.attrs());
  attrs.set("input_shape", to_ints(x));
  return g.builder().op("ConvGradData", {w, dy}, std::move(attrs));
}

// [dw, db]; db only when `bias`.
std::vector<ValueId> conv_grad_weights(GradContext& g, ValueId x, ValueId dy, const Shape& w,
                                       bool bias) {
  Attrs attrs = window_attrs(g.attrs());
  attrs.set("weight_shape", to_ints(w));
  return g.builder().ops("ConvGradWeights", {x, dy}, 2, std::move(attrs), {true, bias});
}

ValueId sum_per_channel(Builder& b, ValueId y) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(b.shape(y).rank() - 1));
  std::iota(axes.begin(), axes.end(), 1);
  axes[0] = 0;
  return b.reduce_sum(y, std::move(axes), false);
}

// y[n,m,o] = b[m] + sum_{c,k} w[m,c,k] x[n,c, o*stride - pad + k*dilation]
// dx and dw: each product's other factor times dy, over the same sum;  db[m] = sum_{n,o} dy[n,m,o]
void conv_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, conv_grad_data(g, g.x(1), g.dy(), g.shape(g.x(0))));
  }
  if (g.needs(1)) {
    const auto made = conv_grad_weights(g, g.x(0), g.dy(), g.shape(g.x(1)), g.needs(2));
    g.set(1, made[0]);
    if (g.needs(2)) {
      g.set(2, made[1]);
    }
  } else if (g.needs(2)) {
    g.set(2, sum_per_channel(g.builder(), g.dy()));
  }
}

void infer_conv_grad_data(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape x(c.attrs().get_ints("input_shape"));
  const Shape dy = conv_output(c, x, c.shape(0));
  c.check(c.shape(1) == dy, "dy has the shape ", c.shape(1), ", expected ", dy);
  c.set_output(0, c.dtype(0), x);
}

// dx = the transposed convolution of dy by w, linear in both; with the gradient e of dx:
// dw = sum of e times dy as in conv_gradient,  d(dy) = Conv(e, w)
void conv_grad_data_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, conv_grad_weights(g, g.dy(), g.x(1), g.shape(g.x(0)), false)[0]);
  }
  if (g.needs(1)) {
    g.set(1, g.builder().op("Conv", {g.dy(), g.x(0)}, window_attrs(g.attrs())));
  }
}

void infer_conv_grad_weights(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape w(c.attrs().get_ints("weight_shape"));
  const Shape dy = conv_output(c, c.shape(0), w);
  c.check(c.shape(1) == dy, "dy has the shape ", c.shape(1), ", expected ", dy);
  const DType type = weight_gradient_type(c);
  c.set_output(0, type, w);
  c.set_output(1, type, Shape{w[0]});
}

// dw and db are linear in x and dy; with the gradients e of dw and f of db:
// dx = the transposed convolution of dy by e,  d(dy) = Conv(x, e) + f per channel
void conv_grad_weights_gradient(GradContext& g) {
  Builder& b = g.builder();
  if (g.needs(0) && g.has_dy(0)) {
    g.set(0, conv_grad_data(g, g.dy(0), g.x(1), g.shape(g.x(0))));
  }
  if (!g.needs(1)) {
    return;
  }
  if (g.has_dy(0)) {
    std::vector<ValueId> inputs{g.x(0), g.dy(0)};
    if (g.has_dy(1)) {
      inputs.push_back(g.dy(1));
    }
    g.set(1, b.op("Conv", std::move(inputs), window_attrs(g.attrs())));
  } else {
    const Shape dy = g.shape(g.x(1));
    Shape channel{dy[1]};
    for (int axis = 2; axis < dy.rank(); ++axis) {
      channel.push_back(1);
    }
    g.set(1, b.expand(b.reshape(g.dy(1), channel), dy));
  }
}

// A transposed convolution of dy, filled up where the last windows end before the input does.
std::vector<ValueId> write_conv_grad_data(Builder& b, const Node& node,
                                          const std::vector<ValueId>& inputs) {
  Attrs attrs = window_attrs(node.attrs);
  const Window window = read_window(node.attrs);
  const Spatial x = spatial_dims(Shape(node.attrs.get_ints("input_shape")));
  const Spatial dy = spatial_dims(b.shape(inputs[1]));
  std::vector<std::int64_t> rest;
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    rest.push_back(x[at] - ((dy[at] - 1) * window.stride[at] + window.extent(i) -
                            window.pad_begin[at] - window.pad_end[at]));
  }
  attrs.set("output_padding", rest);
  return {b.op("ConvTranspose", {inputs[1], inputs[0]}, std::move(attrs))};
}

// [a, g * c, d...] -> [c, g * a, d...]
ValueId swap_channels(Builder& b, ValueId value, std::int64_t groups) {
  Shape apart = b.shape(value);
  const std::int64_t first = apart[0], second = apart[1] / groups;
  Shape together{second, groups * first};
  std::vector<std::int64_t> perm{2, 1, 0};
  Shape split{first, groups, second};
  for (int axis = 2; axis < apart.rank(); ++axis) {
    split.push_back(apart[axis]);
    together.push_back(apart[axis]);
    perm.push_back(axis + 1);
  }
  return b.reshape(b.transpose(b.reshape(value, split), std::move(perm)), together);
}

// The convolution of x by dy with samples and channels exchanged, strides as dilations and
// dilations as strides; what the last windows leave of x gives places behind the kernel.
std::vector<ValueId> write_conv_grad_weights(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  const Shape w(node.attrs.get_ints("weight_shape"));
  const std::int64_t group = node.attrs.get_int("group", 1);
  const Shape dy = b.shape(inputs[1]);
  // dy [N, g * m, o...] -> [g * m, N, o...]
  std::vector<std::int64_t> perm(static_cast<std::size_t>(dy.rank()));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm[0], perm[1]);
  const auto spatial = static_cast<std::size_t>(dy.rank() - 2);
  Attrs attrs{{"group", group},
              {"kernel_shape", std::vector<std::int64_t>(dy.begin() + 2, dy.end())},
              {"pads", node.attrs.get_ints("pads")},
              {"strides", node.attrs.get_ints("dilations")},
              {"dilations", node.attrs.get_ints("strides")}};
  ValueId dw = b.op("Conv", {swap_channels(b, inputs[0], group), b.transpose(inputs[1], perm)},
                    std::move(attrs));
  dw = b.transpose(dw, perm);  // [g * m, c, k...]
  std::vector<std::int64_t> starts(spatial, 0), ends(w.begin() + 2, w.end()), axes(spatial);
  std::iota(axes.begin(), axes.end(), 2);
  if (b.shape(dw) != w) {
    dw = b.op("Slice", {dw}, {{"starts", starts}, {"ends", ends}, {"axes", axes}});
  }
  std::vector<ValueId> made{dw};
  if (node.outputs.size() > 1 && node.outputs[1].valid()) {
    made.push_back(sum_per_channel(b, inputs[1]));
  }
  return made;
}

double conv_work(const Graph& graph, const Node& node) {
  return convolution_work(graph, node.outputs[0], node.inputs[1]);
}

double conv_grad_data_work(const Graph& graph, const Node& node) {
  return convolution_work(graph, node.inputs[1], node.inputs[0]);
}

double conv_grad_weights_work(const Graph& graph, const Node& node) {
  const ValueId dw = node.outputs[0];
  return dw.valid() ? convolution_work(graph, node.inputs[1], dw) : 0;
}

}  // namespace

void register_conv(OpRegistry& ops) {
  ops.add("Conv")
      .batch(batch_of_images)
      .inputs(2, 3)
      .weight(1, "weight")
      .weight(2, "bias")
      .is_linear(Linear::kConvolution)
      .units_along(1)
      .takes_relu()
      .work(conv_work)
      .infer(infer_conv)
      .gradient(conv_gradient)
      .precision(PrecisionClass::kLow);
  ops.add("ConvGradData")
      .inputs(2, 2)
      .work(conv_grad_data_work)
      .infer(infer_conv_grad_data)
      .gradient(conv_grad_data_gradient)
      .standard(write_conv_grad_data)
      .precision(PrecisionClass::kLow)
      .internal();
  ops.add("ConvGradWeights")
      .inputs(2, 2)
      .widens()
      .work(conv_grad_weights_work)
      .outputs(1, 2)
      .infer(infer_conv_grad_weights)
      .gradient(conv_grad_weights_gradient)
      .standard(write_conv_grad_weights)
      .precision(PrecisionClass::kLow)
      .internal();
}

}  // namespace temper::graph
