// Two models run on the same inputs, value by value: where they begin to differ.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/analysis/tensor_difference.h"

namespace temper::training {

// A value that both models compute.
struct ValuePair {
  std::string a;  // names; may be empty
  std::string b;
  std::string layer;  // of a: "Conv 'conv1'"
  std::string layer_b;
  std::string scope;                 // module path of the exporter, if it wrote one
  std::vector<std::string> tensors;  // stored ones that the layer of a reads, by their names
  Shape shape_a;
  Shape shape_b;
  std::optional<TensorDifference> difference;  // empty: the shapes differ

  bool within(double tolerance) const { return difference && difference->within(tolerance); }
};

struct LayerDiff {
  std::vector<ValuePair> values;   // in an order in which a can compute them
  std::vector<ValuePair> outputs;  // of the models, by name, else in their order
  int only_a = 0;                  // values that the other model has not
  int only_b = 0;
  bool other_count_of_outputs = false;

  // Null: all are near enough to each other.
  const ValuePair* first(double tolerance) const;
};

// A model with its shapes known, and a tensor for each of its inputs.
struct BoundModel {
  graph::Graph graph;
  std::vector<Tensor> inputs;
};

// Values are the same one by name, else by how they are computed from what is the same; what was
// only converted or renamed is what it was. COST: the values of both models are in memory, and the
// weights of one at a time.
LayerDiff diff_layers(const BoundModel& a, const BoundModel& b, const Backend& backend,
                      int threads);

}  // namespace temper::training
