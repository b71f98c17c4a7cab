// Private to fuse_attention: the nodes around a Softmax that are attention together.
#pragma once

#include <optional>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// softmax(scale q k + biases + hidden) v, as far as it was read.
struct AttentionPattern {
  ValueId q, k, v;
  double scale = 1;
  std::vector<ValueId> factors;  // of q, one number for all of a head
  std::vector<ValueId> biases;
  // Where(condition, scores, fill), or with `hides` Where(condition, fill, scores).
  struct Hidden {
    ValueId condition;
    bool hides = false;
    double fill = 0;
  };
  std::vector<Hidden> hidden;
  // Of scores whose axis 0 was parted in two for some biases, as windows of a picture are: their
  // shape, and how many, the first ones, those are. Rank 0: it was not.
  Shape parted;
  std::size_t parted_biases = 0;
  bool zero_rows = false;  // shares that are NaN become 0
  NodeId dropout;          // of the shares; an invalid id: none
  NodeId product;          // with v
};

// The readers of each value, as users() in walk.h gives them before anything was fused.
using Readers = std::vector<std::vector<NodeId>>;

// What there is around `softmax`; none where it is no attention. REQUIRES: a node that is not
// removed.
std::optional<AttentionPattern> find_attention(const Graph& graph, const Readers& readers,
                                               const Backend& reference, NodeId softmax);

// The one element of a constant.
std::optional<double> number_of(const Graph& graph, ValueId id);

}  // namespace temper::graph
