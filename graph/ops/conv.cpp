// Conv over one to three spatial dimensions and its two gradients.
#include <numeric>

#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
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
  const std::span<const std::int64_t> kernel = w.dims().subspan(2);
  const std::vector<std::int64_t> declared = attrs.get_ints("kernel_shape");
  c.check(declared.empty() ||
              std::equal(declared.begin(), declared.end(), kernel.begin(), kernel.end()),
          "kernel_shape is [", join(declared, ","), "], but the weights have the shape ", w);
  const Window window = normalise_window(attrs, kernel, input);
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

// y[n,m,o] = b[m] + sum_{c,k} w[m,c,k] x[n,c, o*stride - pad + k*dilation]
// dx and dw: each product's other factor times dy, over the same sum;  db[m] = sum_{n,o} dy[n,m,o]
void conv_gradient(GradContext& g) {
  Builder& b = g.builder();
  if (g.needs(0)) {
    Attrs attrs = g.attrs();
    attrs.set("input_shape", to_ints(g.shape(g.x(0))));
    g.set(0, b.op("ConvGradData", {g.x(1), g.dy()}, std::move(attrs)));
  }
  if (g.needs(1)) {
    Attrs attrs = g.attrs();
    attrs.set("weight_shape", to_ints(g.shape(g.x(1))));
    const std::vector<ValueId> made =
        b.ops("ConvGradWeights", {g.x(0), g.dy()}, 2, std::move(attrs), {true, g.needs(2)});
    g.set(1, made[0]);
    if (g.needs(2)) {
      g.set(2, made[1]);
    }
  } else if (g.needs(2)) {
    std::vector<std::int64_t> axes(static_cast<std::size_t>(g.shape(g.dy()).rank() - 1));
    std::iota(axes.begin(), axes.end(), 1);
    axes[0] = 0;
    g.set(2, b.reduce_sum(g.dy(), std::move(axes), false));
  }
}

void infer_conv_grad_data(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape x(c.attrs().get_ints("input_shape"));
  const Shape dy = conv_output(c, x, c.shape(0));
  c.check(c.shape(1) == dy, "dy has the shape ", c.shape(1), ", expected ", dy);
  c.set_output(0, c.dtype(0), x);
}

void infer_conv_grad_weights(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape w(c.attrs().get_ints("weight_shape"));
  const Shape dy = conv_output(c, c.shape(0), w);
  c.check(c.shape(1) == dy, "dy has the shape ", c.shape(1), ", expected ", dy);
  c.set_output(0, c.dtype(0), w);
  c.set_output(1, c.dtype(0), Shape{w[0]});
}

}  // namespace

void register_conv(OpRegistry& ops) {
  ops.add("Conv")
      .inputs(2, 3)
      .infer(infer_conv)
      .gradient(conv_gradient)
      .precision(PrecisionClass::kLow);
  ops.add("ConvGradData")
      .inputs(2, 2)
      .infer(infer_conv_grad_data)
      .no_gradient("second derivatives are not supported")
      .precision(PrecisionClass::kLow)
      .internal();
  ops.add("ConvGradWeights")
      .inputs(2, 2)
      .outputs(1, 2)
      .infer(infer_conv_grad_weights)
      .no_gradient("second derivatives are not supported")
      .precision(PrecisionClass::kLow)
      .internal();
}

}  // namespace temper::graph
