// Floor, Ceil, Round (halves to the even neighbour) and Mod (broadcasting).
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// Constant between its jumps: dx = 0
void step_gradient(GradContext& g) { g.set(0, g.builder().zeros_like(g.x(0))); }

void infer_mod(InferContext& c) {
  const std::int64_t fmod = c.attrs().get_int("fmod", 0);
  c.check(fmod == 0 || fmod == 1, "Mod's fmod is ", fmod, ", expected 0 or 1");
  c.attrs().set("fmod", fmod);
  infer_number_broadcast(c);
}

// y = a - q b, q the quotient a / b rounded down (fmod = 0) or towards 0 (fmod = 1);
// da = dy,  db = -dy * q
void mod_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.dy());
  }
  if (g.needs(1)) {
    Builder& b = g.builder();
    const ValueId quotient = b.op("Round", {b.div(b.sub(g.x(0), g.y()), g.x(1))});
    g.set(1, b.neg(b.mul(g.dy(), quotient)));
  }
}

}  // namespace

void register_rounding(OpRegistry& ops) {
  for (const char* name : {"Floor", "Ceil", "Round"}) {
    ops.add(name).batch(batch_elementwise).infer(infer_float_unary).gradient(step_gradient);
  }
  ops.add("Mod").batch(batch_elementwise).inputs(2, 2).infer(infer_mod).gradient(mod_gradient);
}

}  // namespace temper::graph
