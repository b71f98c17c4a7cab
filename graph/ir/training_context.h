// How a node that trains otherwise than it infers (BatchNormalization, Dropout) gets its training
// form: what its op's file sees of it. Used by passes/training_mode.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct TrainingModeOptions {
  bool frozen_batchnorm = false;  // keep running statistics: BatchNormalization stays as it is
  bool dropout = true;            // false: Dropout is the identity (gradient checks)
  std::uint64_t seed = 0;
  // i64 scalar: samples consumed before this batch. Needed when a Dropout is there.
  VariableId position;
  // Ranges of rounded values follow what the batches hold: until the step `applied` (i64 scalar) is
  // this one; below 0: always.
  bool observes = false;
  std::int64_t observe_until = -1;
  VariableId applied;
};

class TrainingContext {
 public:
  TrainingContext(Graph& graph, const TrainingModeOptions& options)
      : graph_(graph), options_(options) {}

  Graph& graph() { return graph_; }
  const TrainingModeOptions& options() const { return options_; }

  // The node whose turn it is; a copy: adding nodes moves the graph's.
  void begin(NodeId id) {
    id_ = id;
    node_ = graph_.node(id);
  }
  const Node& node() const { return node_; }
  Node& edited() { return graph_.node(id_); }

  // A running statistic that the node reads, as an earlier use of it left it behind.
  ValueId statistic(std::size_t input) const;
  // What the node makes of it. Does nothing where it is no variable, or a variable that is also a
  // weight elsewhere (merged by the exporter): that does not move.
  void set_statistic(std::size_t input, ValueId made);
  // Another number for each node that asks for one: random numbers differ by it.
  std::int64_t next_random_id() { return random_ids_++; }
  // Takes the node out: its outputs are `made`, one for each it has.
  void replace(const std::vector<ValueId>& made);

  // Binds each statistic to what its last use made of it.
  void bind_statistics();

 private:
  Graph& graph_;
  const TrainingModeOptions& options_;
  NodeId id_;
  Node node_;
  std::map<VariableId, ValueId> statistics_;
  std::int64_t random_ids_ = 0;
};

}  // namespace temper::graph
