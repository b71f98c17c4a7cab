// Connectionist temporal classification (Graves et al. 2006), torch.nn.CTCLoss's semantics, of
// scores that the op normalises itself, and its gradient.
#include <algorithm>
#include <limits>

#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// scores [N, T, C], labels [N, S] (below 0: the end of a sample's labels), lengths [N] (frames that
// count; left out: all). Returns [N].
Shape check_operands(InferContext& c) {
  const Shape& scores = c.shape(0);
  const int labels = 1;
  const int lengths = 2;
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

void infer_ctc_loss(InferContext& c) { c.set_output(0, c.dtype(0), check_operands(c)); }

// loss_n = -log sum over the alignments of sample n's labels of prod_t p_t(class) with p =
// softmax(scores). dscores_ntc = dloss_n (p_ntc - the share of those alignments' probability that
// emits c at t), 0 behind the sample's length.
void ctc_loss_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  const ValueId lengths = g.has_input(2) ? g.x(2) : ValueId{};
  g.set(0, g.builder().op("CtcLossGrad", {g.x(0), g.x(1), lengths, g.dy()}, g.attrs()));
}

// scores, labels, lengths, dloss -> dscores
void infer_ctc_loss_grad(InferContext& c) {
  c.require_same_dtype({0, 3});
  const Shape loss = check_operands(c);
  c.check(c.shape(3) == loss, "dloss has the shape ", c.shape(3), ", expected ", loss);
  c.set_output(0, c.dtype(0), c.shape(0));
}

// CtcLoss written with other ops, of which its second derivative is made: the logarithms of the
// probabilities of all beginnings of alignments, frame by frame, over the labels with a blank
// before, between and behind them.
class Alignments {
 public:
  Alignments(Builder& builder, const Node& node, const std::vector<ValueId>& inputs)
      : b_(builder),
        scores_(b_.shape(inputs[0])),
        dtype_(b_.dtype(inputs[0])),
        samples_(scores_[0]),
        count_(b_.shape(inputs[1])[1]),
        zero_infinity_(node.attrs.get_int("zero_infinity", 0) != 0),
        blank_(static_cast<double>(node.attrs.get_int("blank", 0))) {
    // Labels count up to the first below 0.
    const ValueId given = b_.cast(inputs[1], DType::kInt64);
    const ValueId ends = b_.cast(b_.op("Less", {given, whole(0)}), DType::kInt64);
    const ValueId ended = count_ == 0 ? ends : b_.op("CumSum", {ends, whole(1)});
    const ValueId counts = b_.op("Equal", {ended, whole(0)});
    labels_ = b_.op("Where", {counts, given, whole(0)});
    last_ = b_.scale(b_.reduce_sum(b_.cast(counts, DType::kInt64), {1}, true), 2);
    lengths_ = inputs.size() > 2 && inputs[2].valid()
                   ? b_.reshape(b_.cast(inputs[2], DType::kInt64), {samples_, 1})
                   : ValueId{};
    emitted_ = emissions(b_.op("LogSoftmax", {inputs[0]}, {{"axis", std::int64_t{2}}}));
  }

  ValueId loss() {
    const std::int64_t width = 2 * count_ + 1;
    const ValueId skips = skip_penalty();
    ValueId reached = b_.add(frame(0), constant(width, [](std::int64_t u) { return u > 1; }));
    reached = while_counted(0, reached, constant(width, [](std::int64_t u) { return u > 0; }));
    for (std::int64_t t = 1; t < scores_[1]; ++t) {
      const ValueId near = log_sum(reached, moved(reached, 1));
      const ValueId all = width > 1 ? log_sum(near, b_.add(moved(reached, 2), skips)) : near;
      reached = while_counted(t, b_.add(all, frame(t)), reached);
    }
    std::vector<double> places;
    for (std::int64_t u = 0; u < width; ++u) {
      places.push_back(static_cast<double>(u));
    }
    const ValueId place =
        b_.graph().add_constant({}, Tensor::from<double>(DType::kInt64, {1, width}, places));
    const ValueId is_end = b_.op(
        "Or", {b_.op("Equal", {place, last_}), b_.op("Equal", {place, b_.sub(last_, whole(1))})});
    const ValueId ends = b_.add(reached, b_.op("Where", {is_end, number(0), number(kNever)}));
    const ValueId total =
        b_.op("ReduceLogSumExp", {ends},
              {{"axes", std::vector<std::int64_t>{1}}, {"keepdims", std::int64_t{0}}});
    const ValueId possible = b_.op("Greater", {total, number(kNever / 2)});
    const double otherwise = zero_infinity_ ? 0 : std::numeric_limits<double>::infinity();
    return b_.op("Where", {possible, b_.neg(total), number(otherwise)});
  }

 private:
  static constexpr double kNever = -1e30;  // the logarithm of 0, finite to keep slopes so

  ValueId number(double value) { return b_.scalar(dtype_, value); }
  ValueId whole(double value) { return b_.scalar(DType::kInt64, value); }

  // [1, width]: kNever where `never(u)`, 0 elsewhere.
  template <class F>
  ValueId constant(std::int64_t width, F never) {
    std::vector<double> values;
    for (std::int64_t u = 0; u < width; ++u) {
      values.push_back(never(u) ? kNever : 0);
    }
    const ValueId row =
        b_.graph().add_constant({}, Tensor::from<double>(dtype_, {1, width}, values));
    return b_.expand(row, {samples_, width});
  }

  // [N, S] of labels and what stands between them as [N, 2 S + 1].
  ValueId interleaved(ValueId of_labels, ValueId between) {
    const ValueId column = b_.expand(between, {samples_, 1});
    if (count_ == 0) {
      return column;
    }
    const ValueId pairs = b_.op(
        "Concat",
        {b_.expand(between, {samples_, count_, 1}), b_.reshape(of_labels, {samples_, count_, 1})},
        {{"axis", std::int64_t{2}}});
    return b_.op("Concat", {b_.reshape(pairs, {samples_, 2 * count_}), column},
                 {{"axis", std::int64_t{1}}});
  }

  // [N, T, 2 S + 1]
  ValueId emissions(ValueId logarithms) {
    const std::int64_t width = 2 * count_ + 1;
    const ValueId classes = b_.reshape(interleaved(labels_, whole(blank_)), {samples_, 1, width});
    return b_.op("GatherElements", {logarithms, b_.expand(classes, {samples_, scores_[1], width})},
                 {{"axis", std::int64_t{2}}});
  }

  ValueId frame(std::int64_t t) {
    return b_.reshape(b_.slice(emitted_, 1, t, t + 1), {samples_, 2 * count_ + 1});
  }

  // A blank may be left out between labels that differ.
  ValueId skip_penalty() {
    if (count_ == 0) {
      return {};
    }
    const ValueId before =
        b_.op("Concat", {b_.slice(labels_, 1, 0, 1), b_.slice(labels_, 1, 0, count_ - 1)},
              {{"axis", std::int64_t{1}}});
    const ValueId same = b_.op("Equal", {labels_, before});
    return interleaved(b_.op("Where", {same, number(kNever), number(0)}), number(kNever));
  }

  ValueId moved(ValueId reached, std::int64_t by) {
    const std::int64_t width = 2 * count_ + 1;
    const std::int64_t first = std::min(by, width);
    const ValueId none = b_.expand(number(kNever), {samples_, first});
    return first == width ? none
                          : b_.op("Concat", {none, b_.slice(reached, 1, 0, width - first)},
                                  {{"axis", std::int64_t{1}}});
  }

  ValueId log_sum(ValueId one, ValueId other) {
    const ValueId most = b_.op("Max", {one, other});
    const ValueId sum =
        b_.add(b_.op("Exp", {b_.sub(one, most)}), b_.op("Exp", {b_.sub(other, most)}));
    return b_.add(most, b_.op("Log", {sum}));
  }

  ValueId while_counted(std::int64_t t, ValueId yes, ValueId no) {
    if (!lengths_.valid()) {
      return yes;
    }
    return b_.op("Where", {b_.op("Greater", {lengths_, whole(static_cast<double>(t))}), yes, no});
  }

  Builder& b_;
  const Shape scores_;
  const DType dtype_;
  const std::int64_t samples_, count_;
  const bool zero_infinity_;
  const double blank_;
  ValueId labels_, last_, lengths_, emitted_;
};

std::vector<ValueId> expand_ctc_loss(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  return {Alignments(b, node, inputs).loss()};
}

}  // namespace

void register_ctc(OpRegistry& ops) {
  ops.add("CtcLoss")
      .inputs(2, 3)
      .infer(infer_ctc_loss)
      .gradient(ctc_loss_gradient)
      .gradient_op("CtcLossGrad")
      .expands(expand_ctc_loss)
      .precision(PrecisionClass::kFloat32)
      .internal();
  ops.add("CtcLossGrad")
      .inputs(4, 4)
      .outputs(1, 3)  // labels and lengths have no gradient
      .backward_of("CtcLoss")
      .infer(infer_ctc_loss_grad)
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
