// What a loss is made of: sums over samples that do not depend on how the samples lie in batches,
// and the rule by which the loss of a batch, of an accumulated group or of a whole set follows.
#pragma once

#include <cstddef>
#include <span>

#include "graph/ir/builder.h"

namespace temper::training {

enum class LossRule {
  kMean,      // sum / count; 0 where nothing counts
  kSum,       // sum
  kRootMean,  // sqrt(sum / count); its gradient is 0 where it is 0
  kDice,      // 1 - (2 sum + smooth) / (count + smooth) of each class, with sum = sum p g and
              // count = sum p + g; then the mean or the sum over the classes
  kJaccard,   // 1 - (sum + smooth) / (count - sum + smooth), likewise
};

struct LossForm {
  LossRule rule = LossRule::kMean;
  double smooth = 0;          // of dice and jaccard
  bool sums_classes = false;  // of dice and jaccard

  // Whether the sums are those of an overlap, of which both have gradients.
  bool is_overlap() const { return rule == LossRule::kDice || rule == LossRule::kJaccard; }
};

// In a graph: of one batch.
struct LossSums {
  graph::ValueId sum;    // a scalar; of an overlap [C] or a scalar
  graph::ValueId count;  // of the same shape: a constant where every element counts
  double places = 1;     // the elements of the batch, whether they count or not

  // Whether the count is one of rows, known beforehand.
  bool counts_all(const graph::Graph& graph) const;
};

// sum / count of all elements of a batch.
LossSums sums_of_all(graph::Builder& builder, graph::ValueId sum, double count);

// The value, a scalar.
graph::ValueId loss_value(graph::Builder& builder, const LossForm& form, const LossSums& sums);
// The same from numbers: all sums, then as many counts. NaN where nothing counts.
double loss_value(const LossForm& form, std::span<const double> numbers);

}  // namespace temper::training
