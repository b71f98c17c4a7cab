// MaxUnpool: zeros in which x stands at the places that MaxPool gave: y[places] = x, where places
// count through the pooled tensor as a whole. A larger output_shape adds zeros behind it.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// The tensor that was pooled to `pooled`.
Shape unpooled_shape(InferContext& c, const Shape& pooled) {
  const Ints kernel = c.attrs().get_ints("kernel_shape");
  const std::size_t axes = kernel.size();
  c.check(axes > 0 && pooled.rank() == static_cast<int>(axes) + 2, "kernel_shape has ", axes,
          " sizes for an input ", pooled, ", expected one for each axis behind [N, C]");
  const Ints strides = c.attrs().get_ints("strides", Ints(axes, 1));
  const Ints pads = c.attrs().get_ints("pads", Ints(2 * axes, 0));
  c.check(strides.size() == axes && pads.size() == 2 * axes, "strides and pads have ",
          strides.size(), " and ", pads.size(), " numbers for ", axes, " axes");
  Shape shape{pooled[0], pooled[1]};
  for (std::size_t a = 0; a < axes; ++a) {
    constexpr std::int64_t kLimit = 1 << 20;
    c.check(kernel[a] > 0 && kernel[a] < kLimit && strides[a] > 0 && strides[a] < kLimit &&
                pads[a] >= 0 && pads[a] < kLimit && pads[a + axes] >= 0 && pads[a + axes] < kLimit,
            "axis ", a, " has the kernel ", kernel[a], ", stride ", strides[a], ", pads ", pads[a],
            " and ", pads[a + axes]);
    const std::int64_t size =
        (pooled[static_cast<int>(a) + 2] - 1) * strides[a] - pads[a] - pads[a + axes] + kernel[a];
    c.check(size >= 0, "MaxUnpool of ", pooled, " gives axis ", a, " the size ", size);
    shape.push_back(size);
  }
  return shape;
}

void check_places(InferContext& c, int input, const Shape& pooled) {
  c.check(c.dtype(input) == DType::kInt64 && c.shape(input) == pooled, "the indices are ",
          c.dtype(input), " ", c.shape(input), ", expected i64 ", pooled);
}

void infer_max_unpool(InferContext& c) {
  const Shape pooled = c.shape(0);
  check_places(c, 1, pooled);
  const Shape shape = unpooled_shape(c, pooled);
  Shape output = shape;
  if (const auto asked = c.take_ints("output_shape", 2)) {
    c.check(asked->size() == static_cast<std::size_t>(shape.rank()), "output_shape has ",
            asked->size(), " sizes for an output of ", shape.rank(), " dimensions");
    output = Shape(*asked);
  }
  for (int axis = 0; axis < shape.rank(); ++axis) {
    c.check(output[axis] >= shape[axis], "output_shape ", output,
            " is smaller than what was pooled, ", shape);
  }
  c.attrs().set("pooled_shape", Ints(shape.begin(), shape.end()));
  c.set_output(0, c.dtype(0), output);
}

// x = y[places] of a tensor of the output's shape
void infer_max_unpool_grad(InferContext& c) {
  check_places(c, 1, c.shape(1));
  c.set_output(0, c.dtype(0), c.shape(1));
}

// y = zeros, y[places] = x;  dx = dy[places]
void max_unpool_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.builder().op("MaxUnpoolGrad", {g.dy(), g.x(1)}, g.attrs()));
  }
}

// y = x[places];  dx = zeros, dx[places] = dy
void max_unpool_grad_gradient(GradContext& g) {
  if (g.needs(0)) {
    const Shape shape = g.shape(g.x(0));
    Attrs attrs = g.attrs();
    attrs.set("output_shape", Ints(shape.begin(), shape.end()));
    g.set(0, g.builder().op("MaxUnpool", {g.dy(), g.x(1)}, std::move(attrs)));
  }
}

int batch_of_max_unpool(const BatchContext& c) {
  c.check(c.axis(0) == BatchAxis{0} && c.axis(1) == BatchAxis{0},
          "places the values of each sample where the samples share");
  c.check(!c.node().attrs.has("output_shape"), "has the size of the batch in output_shape");
  return 0;
}

}  // namespace

void register_max_unpool(OpRegistry& ops) {
  ops.add("MaxUnpool")
      .batch(batch_of_max_unpool)
      .inputs(2, 3)
      .absorbs({2})
      .infer(infer_max_unpool)
      .gradient(max_unpool_gradient);
  ops.add("MaxUnpoolGrad")
      .inputs(2, 2)
      .infer(infer_max_unpool_grad)
      .gradient(max_unpool_grad_gradient)
      .internal();
}

}  // namespace temper::graph
