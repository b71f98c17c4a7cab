// States of recurrent networks that a batch leaves to the next one, which has the next windows of
// the same sequences: truncated backpropagation through time. A state lives in a variable of the
// plan, so that nothing of it passes through the host; no gradient goes from a batch to the one
// before.
#pragma once

#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// In an imported graph carried states are inputs and outputs of role PortRole::kCarriedState, both
// with the samples first, and stand in the order of CompileSettings::carried.
class CarriedStates {
 public:
  // The inputs become variables, or their initial values where the batch's input kContinues says
  // that a row begins. REQUIRES: the graph is bound to request.batch samples. THROWS:
  // kInvalidArgument for a batch larger than settings.carried_rows.
  CarriedStates(graph::Graph& graph, const CompileSettings& settings, const GraphRequest& request);

  // The outputs leave the graph and become what the variables are afterwards. In training a state
  // that is not finite is not kept: the one before it stays. THROWS: kInvalidArgument for an output
  // of another shape than the state.
  void keep(graph::Graph& graph) const;

 private:
  struct State {
    const CarriedState* of = nullptr;
    graph::VariableId variable;
    graph::ValueId all;     // of the variable
    graph::ValueId before;  // of this batch
  };
  const CompileSettings& settings_;
  bool trains_ = false;
  std::int64_t rows_ = 0;
  std::vector<State> states_;
};

}  // namespace temper::training
