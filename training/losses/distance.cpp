// Losses of embeddings: cosine_embedding, triplet_margin, margin_ranking.
#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

void require_equal_outputs(const LossInputs& in, const char* name, int least_rank) {
  const Shape first = in.builder.shape(in.outputs.front());
  for (const ValueId id : in.outputs) {
    TEMPER_CHECK(in.builder.shape(id) == first && first.rank() >= least_rank,
                 ErrorCode::kInvalidArgument, name, " needs ", in.outputs.size(),
                 " outputs of one shape [N, ...], but has ", first, " and ", in.builder.shape(id));
  }
}

// c = (a . b) / sqrt((|a|^2 + e) (|b|^2 + e)), e = 1e-12; 1 - c where t = 1, max(0, c - margin)
// where t = -1 (torch.nn.CosineEmbeddingLoss)
LossSums build_cosine_embedding(const LossInputs& in) {
  require_equal_outputs(in, "cosine_embedding", 2);
  Builder& b = in.builder;
  const DType dtype = b.dtype(in.output());
  const std::int64_t axis = b.shape(in.output()).rank() - 1;
  const auto dot = [&](ValueId x, ValueId y) { return b.reduce_sum(b.mul(x, y), {axis}, false); };
  const ValueId e = b.scalar(dtype, 1e-12);
  const auto length = [&](ValueId x) { return b.op("Sqrt", {b.add(dot(x, x), e)}); };
  const ValueId cosine =
      b.div(dot(in.outputs[0], in.outputs[1]), b.mul(length(in.outputs[0]), length(in.outputs[1])));
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId margin = b.scalar(dtype, in.parameters.get_double("margin", 0));
  const ValueId apart = b.op("Relu", {b.sub(cosine, margin)});
  const ValueId alike = b.op("Equal", {in.target, b.scalar(dtype, 1)});
  const ValueId unlike = b.op("Equal", {in.target, b.scalar(dtype, -1)});
  return reduce_loss(in, b.add(b.op("Where", {alike, complement(b, cosine), zero}),
                               b.op("Where", {unlike, apart, zero})));
}

// |x - y + eps|_p over the last axis (torch.nn.functional.pairwise_distance)
ValueId distance(const LossInputs& in, ValueId x, ValueId y) {
  Builder& b = in.builder;
  const DType dtype = b.dtype(x);
  const double p = in.parameters.get_double("p", 2);
  const std::int64_t axis = b.shape(x).rank() - 1;
  const ValueId d = b.add(b.sub(x, y), b.scalar(dtype, in.parameters.get_double("eps", 1e-6)));
  if (p == 1) {
    return b.reduce_sum(absolute(b, d), {axis}, false);
  }
  if (p == 2) {
    return b.op("Sqrt", {at_least(b, b.reduce_sum(b.mul(d, d), {axis}, false), 1e-30)});
  }
  const ValueId powers = b.op("Pow", {at_least(b, absolute(b, d), 1e-12), b.scalar(dtype, p)});
  return b.op("Pow",
              {at_least(b, b.reduce_sum(powers, {axis}, false), 1e-30), b.scalar(dtype, 1 / p)});
}

// max(0, |a - p| - |a - n| + margin); `swap`: |p - n| where it is smaller than |a - n|
// (torch.nn.TripletMarginLoss)
LossSums build_triplet_margin(const LossInputs& in) {
  require_equal_outputs(in, "triplet_margin", 2);
  Builder& b = in.builder;
  const ValueId near = distance(in, in.outputs[0], in.outputs[1]);
  ValueId far = distance(in, in.outputs[0], in.outputs[2]);
  if (in.parameters.get_int("swap", 0) != 0) {
    far = b.op("Min", {far, distance(in, in.outputs[1], in.outputs[2])});
  }
  const ValueId margin = b.scalar(b.dtype(near), in.parameters.get_double("margin", 1));
  return reduce_loss(in, b.op("Relu", {b.add(b.sub(near, far), margin)}));
}

// max(0, margin - t (x - y)) (torch.nn.MarginRankingLoss)
LossSums build_margin_ranking(const LossInputs& in) {
  require_equal_outputs(in, "margin_ranking", 1);
  Builder& b = in.builder;
  const ValueId lead = b.mul(in.target, b.sub(in.outputs[0], in.outputs[1]));
  const ValueId margin = b.scalar(b.dtype(lead), in.parameters.get_double("margin", 0));
  return reduce_loss(in, b.op("Relu", {b.sub(margin, lead)}));
}

}  // namespace

std::vector<Loss> distance_losses() {
  const auto other = PredictionKind::kOther;
  return {
      {"cosine_embedding",
       "cosine similarity of two outputs; target 1: alike, -1: not",
       {reduction_spec(), number_spec("margin", 0, "similarity of unlike pairs that is allowed")},
       TargetKind::kPerSample,
       other,
       build_cosine_embedding,
       "pairs alike or not",
       "two outputs [N, D]",
       "targets are 1 and -1",
       2},
      {"triplet_margin",
       "an anchor nearer to its like than to the other; no target",
       {reduction_spec(), number_spec("margin", 1, "lead that is enough", require_positive),
        number_spec("p", 2, "norm of the distance", require_positive),
        number_spec("eps", 1e-6, "added to each difference", require_not_negative),
        switch_spec("swap", false, "take the nearer of anchor and like as the other's partner")},
       TargetKind::kNone,
       other,
       build_triplet_margin,
       "embeddings from triplets",
       "three outputs [N, D]: anchor, positive, negative",
       "easy triplets teach nothing: choose hard negatives",
       3},
      {"margin_ranking",
       "which of two outputs is larger; target 1: the first, -1: the second",
       {reduction_spec(), number_spec("margin", 0, "lead that is enough")},
       TargetKind::kLikeOutput,
       other,
       build_margin_ranking,
       "ranking",
       "two outputs of one shape",
       "with margin 0 equal outputs satisfy it",
       2},
  };
}

}  // namespace temper::training
