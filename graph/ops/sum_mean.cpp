// Sum and Mean of any number of inputs, broadcasting.
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_variadic_float(InferContext& c) {
  require_float(c);
  infer_broadcast(c);
}

// y = x0 + .. + xn;  dxi = dy
void sum_gradient(GradContext& g) {
  for (int i = 0; i < g.input_count(); ++i) {
    if (g.needs(i)) {
      g.set(i, g.dy());
    }
  }
}

// y = (x0 + .. + xn) / count;  dxi = dy / count
void mean_gradient(GradContext& g) {
  const ValueId share = g.builder().scale(g.dy(), 1.0 / g.input_count());
  for (int i = 0; i < g.input_count(); ++i) {
    if (g.needs(i)) {
      g.set(i, share);
    }
  }
}

}  // namespace

void register_sum_mean(OpRegistry& ops) {
  ops.add("Sum")
      .batch(batch_elementwise)
      .computes(Arithmetic::kAddAll)
      .inputs(1, -1)
      .infer(infer_variadic_float)
      .gradient(sum_gradient);
  ops.add("Mean")
      .batch(batch_elementwise)
      .inputs(1, -1)
      .infer(infer_variadic_float)
      .gradient(mean_gradient);
}

}  // namespace temper::graph
