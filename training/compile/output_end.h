// What the last operator of a model makes of an output: probabilities or their logarithms. Losses
// and metrics that take logits would squash such an output a second time.
#pragma once

#include <string>

#include "graph/ir/builder.h"

namespace temper::training {

enum class OutputEnd { kOther, kSigmoid, kSoftmax, kLogSoftmax };

struct EndOfOutput {
  OutputEnd kind = OutputEnd::kOther;
  std::string op;           // the operator: "Softmax"
  std::string origin;       // "Softmax 'probs'"
  graph::ValueId squashed;  // what it is applied to
  // The output's elements are the operator's, in its shape: the logits can stand in for it.
  bool direct = true;
};

// Looks through what only renames, reshapes or clips. A Softmax counts along `class_axis` of the
// output alone. REQUIRES: shapes are known.
EndOfOutput end_of(const graph::Graph& graph, graph::ValueId output, int class_axis);

// The logarithm of an output that ends in Softmax, from the logits where the graph has them in its
// shape, else bounded; any other output as it is.
graph::ValueId log_of_softmax(graph::Builder& builder, graph::ValueId output, int class_axis);

}  // namespace temper::training
