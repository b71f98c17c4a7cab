// Elementwise losses: mse, bce_with_logits.
#include <numeric>

#include "runtime/base/error.h"
#include "training/losses/builders.h"

namespace temper::training {

graph::ValueId reduce_loss(graph::Builder& builder, graph::ValueId elements,
                           const Attrs& parameters) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(builder.shape(elements).rank()));
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  const bool sum = parameters.get_string("reduction", "mean") == "sum";
  return builder.op(sum ? "ReduceSum" : "ReduceMean", {elements},
                    {{"axes", axes}, {"keepdims", std::int64_t{0}}});
}

// mean((output - target)^2)
graph::ValueId build_mse(graph::Builder& builder, graph::ValueId output, graph::ValueId target,
                         const Attrs& parameters) {
  const graph::ValueId difference = builder.sub(output, target);
  return reduce_loss(builder, builder.mul(difference, difference), parameters);
}

// (1 - t) x + w softplus(-x), w = 1 + (pos_weight - 1) t, with softplus(-x) = log(1 + exp(-|x|)) +
// max(-x, 0) (torch.nn.functional.binary_cross_entropy_with_logits)
graph::ValueId build_bce_with_logits(graph::Builder& builder, graph::ValueId output,
                                     graph::ValueId target, const Attrs& parameters) {
  const DType dtype = builder.dtype(output);
  const graph::ValueId one = builder.scalar(dtype, 1);
  graph::ValueId soft = builder.op("Softplus", {builder.neg(output)});
  const std::vector<double> pos_weight = parameters.get_doubles("pos_weight");
  if (!pos_weight.empty()) {
    const Shape& shape = builder.shape(output);
    const auto count = static_cast<std::int64_t>(pos_weight.size());
    TEMPER_CHECK(count == 1 || (shape.rank() > 0 && count == shape[shape.rank() - 1]),
                 ErrorCode::kInvalidArgument, "loss.pos_weight has ", count,
                 " numbers; give one, or one per output of the model's ", shape);
    std::vector<double> excess;
    for (const double weight : pos_weight) {
      excess.push_back(weight - 1);
    }
    const graph::ValueId factor =
        builder.graph().add_constant({}, Tensor::from<double>(dtype, {count}, excess));
    soft = builder.mul(builder.add(one, builder.mul(factor, target)), soft);
  }
  const graph::ValueId linear = builder.mul(builder.sub(one, target), output);
  return reduce_loss(builder, builder.add(linear, soft), parameters);
}

}  // namespace temper::training
