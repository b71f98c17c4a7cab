// Max and average pooling over windows of one to three dimensions, their gradients, and pooling
// over all of space.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/pool_rules.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

std::vector<std::int64_t> to_ints(const Shape& shape) { return {shape.begin(), shape.end()}; }

void infer_max_pool(InferContext& c) {
  const Shape out = pool_output(c, c.shape(0));
  c.attrs().set("storage_order", c.attrs().get_int("storage_order", 0));
  c.set_output(0, c.dtype(0), out);
  c.set_output(1, DType::kInt64, out);
  c.set_output(2, DType::kOpaque, Shape{});
}

// y = x at the first maximum of each window;  dx there += dy
void max_pool_gradient(GradContext& g) {
  if (!g.needs(0) || !g.has_dy()) {
    return;
  }
  const ValueId saved = g.saved(2);
  Attrs attrs = g.attrs();
  attrs.set("input_shape", to_ints(g.shape(g.x(0))));
  g.set(0, g.builder().op("MaxPoolGrad", {g.dy(), saved}, std::move(attrs)));
}

// dx = dy at each window's maximum, linear in dy; with the gradient e of dx:
// d(dy) = e at the maxima, whose flat positions are MaxPool's second output
void max_pool_grad_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  Builder& b = g.builder();
  Graph& graph = b.graph();
  const NodeId forward = graph.value(g.x(1)).producer;
  const ValueId x = graph.node(forward).inputs[0];
  Attrs attrs = graph.node(forward).attrs;
  attrs.set("storage_order", std::int64_t{0});
  const ValueId positions = b.ops("MaxPool", {x}, 2, std::move(attrs), {true, true})[1];
  const Shape flat{g.shape(g.dy()).element_count()};
  g.set(0, b.op("Gather", {b.reshape(g.dy(), flat), positions}, {{"axis", std::int64_t{0}}}));
}

void infer_average_pool(InferContext& c) {
  const std::int64_t count_padding = c.attrs().get_int("count_include_pad", 0);
  c.attrs().set("count_include_pad", std::int64_t{count_padding != 0});
  c.set_output(0, c.dtype(0), pool_output(c, c.shape(0)));
}

// y = sum of the window / count;  dx += dy / count over the window
void average_pool_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.set("input_shape", to_ints(g.shape(g.x(0))));
  g.set(0, g.builder().op("AveragePoolGrad", {g.dy()}, std::move(attrs)));
}

// dx = A dy with y = A^T x:  d(dy) = the average pool of e
void average_pool_grad_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.erase("input_shape");
  g.set(0, g.builder().op("AveragePool", {g.dy()}, std::move(attrs)));
}

void infer_pool_gradient(InferContext& c) {
  const Shape x(c.attrs().get_ints("input_shape"));
  const Shape dy = pool_output(c, x);
  c.check(c.shape(0) == dy, "dy has the shape ", c.shape(0), ", expected ", dy);
  c.set_output(0, c.dtype(0), x);
}

// dy added to zeros at the places of the maxima, MaxPool's second output
std::vector<ValueId> write_max_pool_grad(Builder& b, const Node& node,
                                         const std::vector<ValueId>& inputs) {
  Graph& graph = b.graph();
  const NodeId forward = graph.value(inputs[1]).producer;
  TEMPER_CHECK(graph.node(forward).attrs.get_int("storage_order", 0) == 0, ErrorCode::kUnsupported,
               graph.node(forward).origin, " gives places in columns (storage_order = 1)");
  const ValueId places = graph.ensure_output(forward, 1);
  graph.value(places).dtype = DType::kInt64;
  graph.value(places).shape = b.shape(inputs[0]);
  graph.value(places).shape_known = true;
  const Shape data(node.attrs.get_ints("input_shape"));
  const Shape flat{b.shape(inputs[0]).element_count()};
  const ValueId zeros = b.expand(b.scalar(b.dtype(inputs[0]), 0), {data.element_count()});
  const ValueId dx =
      b.op("ScatterElements", {zeros, b.reshape(places, flat), b.reshape(inputs[0], flat)},
           {{"axis", std::int64_t{0}}, {"reduction", std::string("add")}});
  return {b.reshape(dx, data)};
}

// Of each window of an average, one over how many elements it counts: [1, 1, o...].
Tensor shares_of_windows(const Window& window, const Spatial& input, const Spatial& output,
                         bool counts_padding, DType dtype) {
  Shape shape{1, 1};
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    shape.push_back(output[static_cast<std::size_t>(i)]);
  }
  std::vector<double> shares(static_cast<std::size_t>(shape.element_count()), 1);
  std::int64_t inner = shape.element_count();
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    inner /= output[at];
    for (std::int64_t k = 0; k < shape.element_count(); ++k) {
      const std::int64_t start = k / inner % output[at] * window.stride[at] - window.pad_begin[at];
      // The padding in front counts as elements, and so does what of it stands behind the input.
      const Taps taps =
          counts_padding
              ? taps_inside(start + window.pad_begin[at], window.dilation[at], window.kernel[at],
                            input[at] + window.pad_begin[at] + window.pad_end[at])
              : taps_inside(start, window.dilation[at], window.kernel[at], input[at]);
      shares[static_cast<std::size_t>(k)] /= static_cast<double>(taps.end - taps.begin);
    }
  }
  Tensor made(dtype, shape);
  visit_float(dtype, [&]<class T>() {
    for (std::size_t k = 0; k < shares.size(); ++k) {
      made.span<T>()[k] = static_cast<T>(shares[k]);
    }
  });
  return made;
}

// Each channel's dy, shared out, by a transposed convolution with ones; what lies in the padding is
// cut off, and what no window reached is 0.
std::vector<ValueId> write_average_pool_grad(Builder& b, const Node& node,
                                             const std::vector<ValueId>& inputs) {
  const Shape x(node.attrs.get_ints("input_shape"));
  const Window window = read_window(node.attrs);
  const Spatial input = spatial_dims(x), output = spatial_dims(b.shape(inputs[0]));
  const DType dtype = b.dtype(inputs[0]);
  const ValueId shares = b.graph().add_constant(
      "", shares_of_windows(window, input, output, node.attrs.get_int("count_include_pad", 0) != 0,
                            dtype));
  Shape kernel{x[1], 1};
  std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * x.rank()), 0);
  for (int i = kMaxSpatialRank - window.rank; i < kMaxSpatialRank; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t whole = (output[at] - 1) * window.stride[at] + window.extent(i);
    const auto axis = static_cast<std::size_t>(kernel.rank());
    kernel.push_back(window.kernel[at]);
    pads[axis] = -window.pad_begin[at];
    pads[axis + static_cast<std::size_t>(x.rank())] = input[at] + window.pad_begin[at] - whole;
  }
  const ValueId dx =
      b.op("ConvTranspose", {b.mul(inputs[0], shares), b.expand(b.scalar(dtype, 1), kernel)},
           {{"group", x[1]},
            {"strides", node.attrs.get_ints("strides")},
            {"dilations", node.attrs.get_ints("dilations")}});
  const bool fits = std::all_of(pads.begin(), pads.end(), [](std::int64_t p) { return p == 0; });
  return {fits ? dx : b.op("Pad", {dx}, {{"pads", pads}})};
}

// y = sum of x / count;  dx = dy / count everywhere
void global_average_pool_gradient(GradContext& g) {
  const Shape x = g.shape(g.x(0));
  const double count = static_cast<double>(x.count(2, x.rank()));
  g.set(0, g.builder().expand(g.builder().scale(g.dy(), 1.0 / count), x));
}

// y = x at the first maximum;  dx = dy there, 0 elsewhere
void global_max_pool_gradient(GradContext& g) {
  Builder& b = g.builder();
  const Shape x_shape = g.shape(g.x(0));
  const std::int64_t count = x_shape.count(2, x_shape.rank());
  const Shape flat{x_shape[0], x_shape[1], count};
  const auto number = [&](std::int64_t value) {
    return b.scalar(DType::kInt64, static_cast<double>(value));
  };
  // Computed in the step where it is long, rather than a constant of the plane's size.
  const ValueId positions = b.op("Range", {number(0), number(count), number(1)});
  const ValueId best = b.op("ArgMax", {b.reshape(g.x(0), flat)},
                            {{"axis", std::int64_t{2}}, {"keepdims", std::int64_t{1}}});
  const ValueId chosen = b.op("Equal", {positions, best});
  const ValueId dy = b.reshape(g.dy(), {x_shape[0], x_shape[1], 1});
  const ValueId dx = b.op("Where", {chosen, dy, b.scalar(g.dtype(g.dy()), 0)});
  g.set(0, b.reshape(dx, x_shape));
}

}  // namespace

void register_pool(OpRegistry& ops) {
  ops.add("MaxPool")
      .batch(batch_of_images)
      .outputs(1, 3)
      .infer(infer_max_pool)
      .gradient(max_pool_gradient);
  ops.add("MaxPoolGrad")
      .inputs(2, 2)
      .infer(infer_pool_gradient)
      .gradient(max_pool_grad_gradient)
      .standard(write_max_pool_grad)
      .internal();
  ops.add("AveragePool")
      .batch(batch_of_images)
      .infer(infer_average_pool)
      .gradient(average_pool_gradient);
  ops.add("AveragePoolGrad")
      .infer(infer_pool_gradient)
      .gradient(average_pool_grad_gradient)
      .standard(write_average_pool_grad)
      .internal();
  ops.add("GlobalAveragePool")
      .batch(batch_of_images)
      .computes(Arithmetic::kMean)
      .infer(infer_global_pool)
      .gradient(global_average_pool_gradient);
  ops.add("GlobalMaxPool")
      .batch(batch_of_images)
      .infer(infer_global_pool)
      .gradient(global_max_pool_gradient);
}

}  // namespace temper::graph
