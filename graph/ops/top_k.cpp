// TopK: the k largest or smallest elements along an axis, in order, and their indices (i64); of
// equal elements those that come first. NaN counts as largest.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_top_k(InferContext& c) {
  const Shape input = c.shape(0);
  c.check(is_float(c.dtype(0)) || is_integer(c.dtype(0)), "TopK of ", c.dtype(0),
          ", expected numbers");
  c.check(input.rank() > 0, "TopK of a scalar");
  const int axis = static_cast<int>(c.axis("axis", -1, input.rank()));
  const auto k = c.take_ints("k", 1);
  c.check(k.has_value() && k->size() == 1, "TopK needs one number K");
  c.check(k->front() >= 0 && k->front() <= input[axis], "TopK has K = ", k->front(), ", but axis ",
          axis, " of ", input, " has ", input[axis], " elements");
  c.attrs().set("largest", c.attrs().get_int("largest", 1));
  c.attrs().set("sorted", c.attrs().get_int("sorted", 1));
  Shape output = input;
  output[axis] = k->front();
  c.set_output(0, c.dtype(0), output);
  c.set_output(1, DType::kInt64, output);
}

// y = x[indices];  dx = zeros, dx[indices] = dy (no index stands twice)
void top_k_gradient(GradContext& g) {
  if (g.needs(0) && g.has_dy(0)) {
    Builder& b = g.builder();
    const Attrs attrs = {{"axis", g.attrs().get_int("axis", -1)}};
    const ValueId indices = g.saved(1);
    g.set(0, b.op("ScatterElements", {b.zeros_like(g.x(0)), indices, g.dy()}, attrs));
  }
}

// K is an attribute up to opset 9; from 11 on the smallest can be asked for.
void upgrade_top_k(NodeDraft& d) {
  if (d.opset < 10) {
    d.attrs.set("k", std::vector<std::int64_t>{d.attrs.get_int("k", -1)});
  } else {
    d.attrs.erase("k");
  }
  if (d.opset < 11) {
    d.attrs.erase("largest");
    d.attrs.erase("sorted");
  }
}

int batch_of_top_k(const BatchContext& c) {
  c.check(c.data_axis() != c.number("axis"), "picks samples of the batch");
  return c.data_axis();
}

}  // namespace

void register_top_k(OpRegistry& ops) {
  ops.add("TopK")
      .upgrade(upgrade_top_k)
      .batch(batch_of_top_k)
      .inputs(1, 2)
      .outputs(1, 2)
      .absorbs({1})
      .writes(1, "k", InputForm::kIntegers)
      .infer(infer_top_k)
      .gradient(top_k_gradient);
}

}  // namespace temper::graph
