// TensorScatter: a cache [batch, .., sequence, ..] in which each sample's update stands along
// `axis` from its write index on (0 without that input), around the end where mode is circular.
#include <string>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/index_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// `update`: of the shape of the cache, but along the axis.
void check_cache(InferContext& c, const Shape& cache, const Shape& update, int at_indices) {
  c.check(cache.rank() > 1, c.node().op->name(), " with a cache ", cache,
          ", expected a batch of sequences");
  const int axis = static_cast<int>(c.axis("axis", -2, cache.rank()));
  c.check(axis != 0, "axis 0 is the batch, not the sequence");
  const std::string mode = c.attrs().get_string("mode", "linear");
  c.check(mode == "linear" || mode == "circular", "mode is '", mode,
          "', expected linear or circular");
  c.attrs().set("mode", mode);
  Shape expected = cache;
  expected[axis] = update.rank() == cache.rank() ? update[axis] : 0;
  c.check(update == expected && update[axis] <= cache[axis], "an update ", update,
          " does not fit a cache ", cache, " along axis ", axis);
  if (c.has_input(at_indices)) {
    require_index_type(c, at_indices);
    c.check(c.shape(at_indices) == Shape{cache[0]}, "write indices have the shape ",
            c.shape(at_indices), ", expected one for each of ", cache[0], " samples");
  }
}

void infer_tensor_scatter(InferContext& c) {
  c.require_same_dtype({0, 1});
  check_cache(c, c.shape(0), c.shape(1), 2);
  c.set_output(0, c.dtype(0), c.shape(0));
}

// The part of a cache that an update was written to: the gradient of the update.
void infer_tensor_scatter_grad(InferContext& c) {
  Shape update = c.shape(0);
  const int axis = static_cast<int>(c.axis("axis", -2, update.rank()));
  update[axis] = c.attrs().get_int("length", 0);
  check_cache(c, c.shape(0), update, 1);
  c.set_output(0, c.dtype(0), update);
}

// y = x, y[places] = u;  dx = dy, dx[places] = 0,  du = dy[places]
void tensor_scatter_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId indices = g.has_input(2) ? g.x(2) : ValueId{};
  if (g.needs(0)) {
    g.set(0, b.op("TensorScatter", {g.dy(), b.zeros_like(g.x(1)), indices}, g.attrs()));
  }
  if (g.needs(1)) {
    Attrs attrs = g.attrs();
    attrs.set("length", g.shape(g.x(1))[static_cast<int>(g.attrs().get_int("axis", -2))]);
    g.set(1, b.op("TensorScatterGrad", {g.dy(), indices}, std::move(attrs)));
  }
}

// u = x[places];  dx = zeros, dx[places] = du
void tensor_scatter_grad_gradient(GradContext& g) {
  if (g.needs(0)) {
    Builder& b = g.builder();
    Attrs attrs = g.attrs();
    attrs.erase("length");
    const ValueId indices = g.has_input(1) ? g.x(1) : ValueId{};
    g.set(0, b.op("TensorScatter", {b.zeros_like(g.x(0)), g.dy(), indices}, std::move(attrs)));
  }
}

int batch_of_tensor_scatter(const BatchContext& c) {
  c.check(c.axis(0) == BatchAxis{0} && c.axis(1) == BatchAxis{0} &&
              (c.input_count() < 3 || c.axis(2) == BatchAxis{0} || !c.node().inputs[2].valid()),
          "writes to a cache, updates or places that the samples share");
  return 0;
}

}  // namespace

void register_tensor_scatter(OpRegistry& ops) {
  ops.add("TensorScatter")
      .since(24)
      .takes_narrow()
      .batch(batch_of_tensor_scatter)
      .inputs(2, 3)
      .infer(infer_tensor_scatter)
      .gradient(tensor_scatter_gradient);
  ops.add("TensorScatterGrad")
      .inputs(1, 2)
      .infer(infer_tensor_scatter_grad)
      .gradient(tensor_scatter_grad_gradient)
      .internal();
}

}  // namespace temper::graph
