#include "training/losses/loss_sums.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

// The bound of an overlap's denominator, for smooth = 0 where nothing is there and nothing is
// predicted.
constexpr double kLeastOverlap = 1e-7;

// sum / count, 0 where the count is 0 (the sum is then 0 as well).
ValueId quotient(Builder& b, const LossSums& sums) {
  if (sums.counts_all(b.graph())) {
    return b.scale(sums.sum, 1 / sums.places);
  }
  const DType dtype = b.dtype(sums.count);
  const ValueId none = b.op("Equal", {sums.count, b.scalar(dtype, 0)});
  return b.div(sums.sum, b.op("Where", {none, b.scalar(dtype, 1), sums.count}));
}

// The gradient at 0 is 0.
ValueId root(Builder& b, ValueId mean) {
  const ValueId zero = b.scalar(b.dtype(mean), 0);
  const ValueId positive = b.op("Greater", {mean, zero});
  const ValueId safe = b.op("Where", {positive, mean, b.scalar(b.dtype(mean), 1)});
  return b.op("Where", {positive, b.op("Sqrt", {safe}), zero});
}

ValueId one_minus_overlap(Builder& b, const LossForm& form, const LossSums& sums) {
  const bool dice = form.rule == LossRule::kDice;
  const ValueId above = dice ? b.scale(sums.sum, 2) : sums.sum;
  const ValueId below = dice ? sums.count : b.sub(sums.count, sums.sum);
  const ValueId smooth = b.scalar(b.dtype(above), form.smooth);
  const ValueId ratio =
      b.div(b.add(above, smooth), at_least(b, b.add(below, smooth), kLeastOverlap));
  const ValueId classes = complement(b, ratio);
  return b.shape(classes).rank() == 0 ? classes
         : form.sums_classes          ? sum_all(b, classes)
                                      : mean_over(b, classes, {0});
}

}  // namespace

bool LossSums::counts_all(const graph::Graph& graph) const {
  return graph.value(count).kind == graph::ValueKind::kConstant;
}

LossSums sums_of_all(Builder& builder, ValueId sum, double count) {
  return {sum, builder.scalar(builder.dtype(sum), count), count};
}

ValueId loss_value(Builder& builder, const LossForm& form, const LossSums& sums) {
  switch (form.rule) {
    case LossRule::kMean:
      return quotient(builder, sums);
    case LossRule::kSum:
      return sums.sum;
    case LossRule::kRootMean:
      return root(builder, quotient(builder, sums));
    case LossRule::kDice:
    case LossRule::kJaccard:
      break;
  }
  return one_minus_overlap(builder, form, sums);
}

double loss_value(const LossForm& form, std::span<const double> numbers) {
  const std::size_t classes = numbers.size() / 2;
  if (classes == 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (!form.is_overlap()) {
    const double sum = numbers[0];
    const double mean = sum / numbers[1];  // 0 / 0 is NaN
    return form.rule == LossRule::kSum        ? sum
           : form.rule == LossRule::kRootMean ? std::sqrt(mean)
                                              : mean;
  }
  double total = 0;
  for (std::size_t c = 0; c < classes; ++c) {
    const double both = numbers[c];
    const double count = numbers[classes + c];
    const double above = form.rule == LossRule::kDice ? 2 * both : both;
    const double below = form.rule == LossRule::kDice ? count : count - both;
    total += 1 - (above + form.smooth) / std::max(below + form.smooth, kLeastOverlap);
  }
  return form.sums_classes ? total : total / static_cast<double>(classes);
}

}  // namespace temper::training
