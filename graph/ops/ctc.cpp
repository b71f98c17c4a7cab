// Connectionist temporal classification (Graves et al. 2006), torch.nn.CTCLoss's semantics, of
// scores that the op normalises itself, and its gradient.
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// scores [N, T, C], labels [N, S] (below 0: the end of a sample's labels), lengths [N] (frames that
// count; left out: all). `first` is the number of the input that holds the scores. Returns [N].
Shape check_operands(InferContext& c, int first) {
  const Shape& scores = c.shape(first);
  const int labels = first + 1;
  const int lengths = first + 2;
  c.check(scores.rank() == 3, "the scores have the shape ", scores, ", expected [N, T, C]");
  const Shape& target = c.shape(labels);
  c.check(target.rank() == 2 && target[0] == scores[0], "the labels have the shape ", target,
          ", expected [", scores[0], ", S] for scores ", scores);
  c.check(c.dtype(labels) == DType::kInt64 || c.dtype(labels) == DType::kInt32, "the labels are ",
          c.dtype(labels), ", expected i64 or i32");
  if (c.has_input(lengths)) {
    c.check(c.shape(lengths) == Shape{scores[0]}, "the lengths have the shape ", c.shape(lengths),
            ", expected ", Shape{scores[0]});
    c.check(c.dtype(lengths) == c.dtype(labels), "the lengths are ", c.dtype(lengths),
            ", the labels ", c.dtype(labels));
  }
  Attrs& attrs = c.attrs();
  const std::int64_t blank = attrs.get_int("blank", 0);
  c.check(blank >= 0 && blank < scores[2], "blank is ", blank, ", but there are ", scores[2],
          " classes");
  attrs.set("blank", blank);
  attrs.set("zero_infinity", attrs.get_int("zero_infinity", 0));
  return Shape{scores[0]};
}

void infer_ctc_loss(InferContext& c) { c.set_output(0, c.dtype(0), check_operands(c, 0)); }

// loss_n = -log sum over the alignments of sample n's labels of prod_t p_t(class) with p =
// softmax(scores). dscores_ntc = dloss_n (p_ntc - the share of those alignments' probability that
// emits c at t), 0 behind the sample's length.
void ctc_loss_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  std::vector<ValueId> inputs{g.dy(), g.x(0), g.x(1)};
  if (g.has_input(2)) {
    inputs.push_back(g.x(2));
  }
  g.set(0, g.builder().op("CtcLossGrad", std::move(inputs), g.attrs()));
}

void infer_ctc_loss_grad(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape loss = check_operands(c, 1);
  c.check(c.shape(0) == loss, "dloss has the shape ", c.shape(0), ", expected ", loss);
  c.set_output(0, c.dtype(1), c.shape(1));
}

}  // namespace

void register_ctc(OpRegistry& ops) {
  ops.add("CtcLoss")
      .inputs(2, 3)
      .infer(infer_ctc_loss)
      .gradient(ctc_loss_gradient)
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("CtcLossGrad")
      .inputs(3, 4)
      .infer(infer_ctc_loss_grad)
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
