// Where: y = condition ? a : b, broadcasting.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_where(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool, "the condition must be bool, but is ", c.dtype(0));
  c.require_same_dtype({1, 2});
  c.set_output(0, c.dtype(1), broadcast_inputs(c));
}

// da = condition ? dy : 0,  db = condition ? 0 : dy
void where_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId zero = b.scalar(b.dtype(g.dy()), 0);
  if (g.needs(1)) {
    g.set(1, b.op("Where", {g.x(0), g.dy(), zero}));
  }
  if (g.needs(2)) {
    g.set(2, b.op("Where", {g.x(0), zero, g.dy()}));
  }
}

}  // namespace

void register_where(OpRegistry& ops) {
  ops.add("Where")
      .batch(batch_elementwise)
      .inputs(3, 3)
      .infer(infer_where)
      .gradient(where_gradient)
      .elementwise(plain_functor<Functor::kWhere>);
}

}  // namespace temper::graph
