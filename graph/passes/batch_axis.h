// Where the batch lies in the outputs of a node, given where it lies in its inputs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

// The axis of a value whose outermost factor is the batch; none for a value all samples share.
using BatchAxis = std::optional<int>;

// What to do about a node that mixes the samples of a batch.
inline constexpr const char* kRebatchAdvice =
    "; export the model with a dynamic batch instead (dynamic_shapes in torch.onnx.export), or "
    "train with the file's batch size";

// A node of a graph whose shapes are known, all of the batch size `batch`, with attributes as the
// shape rules leave them. `axes`: per input, at least one is set.
struct BatchedNode {
  const Graph& graph;
  const Node& node;
  std::int64_t batch;
  std::vector<BatchAxis> axes;
};

// The axis in each output. THROWS: kUnsupported naming the node where the samples of a batch do
// not stay apart (it picks, joins, repeats, pads, reduces or broadcasts along the batch).
int batch_axis_of_outputs(const BatchedNode& batched);

// Whether the Slice takes all of this axis.
bool slices_whole_axis(const Node& slice, int axis, std::int64_t dim);

}  // namespace temper::graph
