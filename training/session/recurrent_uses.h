// What recurrent nodes take of a model's inputs: which input is the state that one begins with,
// which one it goes along, and so where samples lie in it.
#pragma once

#include <map>
#include <set>

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
  // The node that goes along the input, with nothing but permutations between; null: none.
  const Sequence* sequence_of(graph::ValueId input) const;

 private:
  void follow_state(graph::ValueId start, const graph::Node& node);
  void follow_sequence(const graph::Node& node);

  const graph::Graph& graph_;
  std::set<graph::ValueId> seen_;
  std::map<graph::ValueId, const graph::Node*> states_;
  std::map<graph::ValueId, Sequence> sequences_;
};

}  // namespace temper::training
