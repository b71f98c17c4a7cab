// What recurrent nodes take of a model's inputs: which input is the state that one begins with,
// which one it goes along, and so where samples lie in it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::training {

class RecurrentUses {
 public:
  explicit RecurrentUses(const graph::Graph& graph);

  struct Sequence {
    const graph::Node* node = nullptr;
    int batch_axis = 0;  // in the input
  };

  // The node that begins with what the input has; null: none.
  const graph::Node* state_of(graph::ValueId input) const;
  // The outputs of the graph that have the state afterwards, moved but not computed with.
  std::vector<std::string> ends_of(graph::ValueId input) const;
  // The node that goes along the input, with nothing but permutations between; null: none.
  const Sequence* sequence_of(graph::ValueId input) const;

 private:
  void follow_state(graph::ValueId start, const graph::Node& node, std::size_t pair);
  void follow_sequence(const graph::Node& node);

  const graph::Graph& graph_;
  std::set<graph::ValueId> seen_;
  struct State {
    const graph::Node* node = nullptr;
    std::size_t pair = 0;  // of OpDef::state_inputs and state_outputs
  };
  std::map<graph::ValueId, State> states_;
  std::map<graph::ValueId, Sequence> sequences_;
};

}  // namespace temper::training
