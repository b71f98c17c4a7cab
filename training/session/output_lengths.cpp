#include "training/session/output_lengths.h"

#include <algorithm>

#include "training/compile/training_graph.h"

namespace temper::training {

OutputLengths::OutputLengths(const graph::Graph& graph, const ModelSettings& model,
                             const RunLengths& lengths, const Backend& reference,
                             std::int64_t batch)
    : graph_(graph), model_(model), lengths_(lengths), reference_(reference), batch_(batch) {
  axes_.assign(graph.outputs.size(), -1);
  equal_.assign(graph.outputs.size(), false);
  const std::int64_t longest = lengths.longest();
  const std::int64_t shorter =
      lengths.buckets().size() > 1 ? lengths.buckets().front() : longest / 2;
  if (!lengths.any() || shorter < 1 || shorter == longest) {
    return;
  }
  const std::vector<Shape> large = shapes_at(longest);
  const std::vector<Shape> small = shapes_at(shorter);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    for (int axis = 0; axis < large[i].rank() && large[i].rank() == small[i].rank(); ++axis) {
      if (axes_[i] < 0 && large[i][axis] != small[i][axis]) {
        axes_[i] = axis;
        equal_[i] = large[i][axis] == longest && small[i][axis] == shorter;
      }
    }
  }
}

std::int64_t OutputLengths::size(std::size_t output, std::int64_t length) {
  return equal_.at(output) ? length : shapes_at(length).at(output)[axes_.at(output)];
}

const std::vector<Shape>& OutputLengths::shapes_at(std::int64_t length) {
  const auto known = shapes_.find(length);
  if (known != shapes_.end()) {
    return known->second;
  }
  GraphRequest request;
  request.kind = GraphKind::kPredict;
  request.batch = batch_;
  request.symbols = lengths_.symbols(length);
  CompileSettings settings;
  settings.model.unroll = model_.unroll;
  settings.model.max_trip_count = model_.max_trip_count;
  const graph::Graph made = make_graph(graph_, settings, request, reference_).graph;
  std::vector<Shape> shapes;
  for (const graph::Graph::Output& output : made.outputs) {
    shapes.push_back(made.value(output.value).shape);
  }
  return shapes_.emplace(length, std::move(shapes)).first->second;
}

}  // namespace temper::training
