// AllReduce: output i is the sum of input i over the ranks that train together, each of which
// computes this very graph on rows of its own. Internal; attribute `ranks`: how many there are.
// Lowering takes its kernel from the communicator.
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

void infer_all_reduce(InferContext& c) {
  c.check(c.attrs().get_int("ranks", 0) > 1, "ranks must be 2 or more");
  c.check(c.output_count() == c.input_count(), "there are ", c.input_count(), " inputs, but ",
          c.output_count(), " outputs");
  for (int i = 0; i < c.input_count(); ++i) {
    const DType dtype = c.dtype(i);
    c.check(dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kInt64,
            "input ", i, " is ", dtype, ", expected f32, f64 or i64");
    c.set_output(i, dtype, c.shape(i));
  }
}

// y = sum over ranks of x. Of what all ranks compute from y alike, and whose gradients they sum,
// each has its own part: dx = dy
void all_reduce_gradient(GradContext& g) {
  for (int i = 0; i < g.input_count(); ++i) {
    if (g.needs(i) && g.has_dy(i)) {
      g.set(i, g.dy(i));
    }
  }
}

}  // namespace

void register_all_reduce(OpRegistry& ops) {
  ops.add("AllReduce")
      .inputs(1, -1)
      .outputs(1, -1)
      .infer(infer_all_reduce)
      .gradient(all_reduce_gradient)
      .stateful()
      .internal();
}

}  // namespace temper::graph
