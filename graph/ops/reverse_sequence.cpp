// ReverseSequence: the first sequence_lens[n] steps of each sample n in reverse order, the others
// as they are.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_reverse_sequence(InferContext& c) {
  const Shape input = c.shape(0);
  c.check(input.rank() >= 2, "ReverseSequence of ", input, ", expected a batch of sequences");
  const std::int64_t batch = c.attrs().get_int("batch_axis", 1);
  const std::int64_t time = c.attrs().get_int("time_axis", 0);
  c.check((batch == 0 && time == 1) || (batch == 1 && time == 0), "batch_axis is ", batch,
          " and time_axis ", time, ", expected 0 and 1 or 1 and 0");
  c.attrs().set("batch_axis", batch);
  c.attrs().set("time_axis", time);
  c.check(c.dtype(1) == DType::kInt64, "sequence_lens must be i64, but are ", c.dtype(1));
  const std::int64_t samples = input[static_cast<int>(batch)];
  c.check(c.shape(1) == Shape{samples}, "sequence_lens have the shape ", c.shape(1),
          ", expected one for each of ", samples, " samples");
  c.set_output(0, c.dtype(0), input);
}

// dx = dy, reversed again
void reverse_sequence_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.builder().op("ReverseSequence", {g.dy(), g.x(1)}, g.attrs()));
  }
}

int batch_of_reverse_sequence(const BatchContext& c) {
  c.check(c.axis(0) == BatchAxis{c.number("batch_axis")} && c.axis(1) == BatchAxis{0},
          "reverses along the batch, or by lengths that the samples share");
  return *c.axis(0);
}

}  // namespace

void register_reverse_sequence(OpRegistry& ops) {
  ops.add("ReverseSequence")
      .batch(batch_of_reverse_sequence)
      .inputs(2, 2)
      .infer(infer_reverse_sequence)
      .gradient(reverse_sequence_gradient);
}

}  // namespace temper::graph
