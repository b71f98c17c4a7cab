// Softsign, the example of README.md, which has these lines word for word.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// y = x / (1 + |x|);  dx = dy * (1 - |y|)^2
void softsign_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId rest = b.sub(b.scalar(b.dtype(g.y()), 1), b.op("Abs", {g.y()}));
  g.set(0, b.mul(g.dy(), b.mul(rest, rest)));
}

}  // namespace

void register_softsign(OpRegistry& ops) {
  ops.add("Softsign")
      .infer(infer_float_unary)
      .gradient(softsign_gradient)
      .batch(batch_elementwise)
      .activates(Activation::kOther);
}

}  // namespace temper::graph
