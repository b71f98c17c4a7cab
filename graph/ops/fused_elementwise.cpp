// FusedElementwise: a chain of elementwise ops as one, whose attributes are a program of functors
// (runtime/base/expression.h). Inputs broadcast to the one shape of all outputs, which are of the
// inputs' float type or of that named by `to`. Made by a pass of the pipeline
// (graph/passes/fuse_elementwise.h), behind gradients and precision.
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/expression.h"

namespace temper::graph {
namespace {

void infer_fused_elementwise(InferContext& c) {
  const Expression program = expression_of(c.attrs());
  c.check(program.inputs == c.input_count(), "the program has ", program.inputs, " inputs, not ",
          c.input_count());
  const Shape shape = broadcast_inputs(c);
  DType dtype = DType::kBool;
  for (int i = 0; i < c.input_count(); ++i) {
    dtype = c.dtype(i) != DType::kBool ? c.dtype(i) : dtype;
  }
  const std::string to = c.attrs().get_string("to", "");
  dtype = to.empty() ? dtype : dtype_from_name(to);
  for (std::size_t r = 0; r < program.results.size(); ++r) {
    const bool is_truth = yields_truth(program.made(program.results[r]).call.functor);
    c.set_output(static_cast<int>(r), is_truth ? DType::kBool : dtype, shape);
  }
}

}  // namespace

void register_fused_elementwise(OpRegistry& ops) {
  ops.add("FusedElementwise")
      .inputs(1, -1)
      .outputs(1, -1)
      .batch(batch_elementwise)
      .infer(infer_fused_elementwise)
      .no_gradient("chains are fused behind the gradient")
      .internal();
}

}  // namespace temper::graph
