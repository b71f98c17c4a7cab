// How much of a model's outputs is of a sample, where samples differ in length.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/session/run_lengths.h"
#include "training/settings/model_settings.h"

namespace temper::training {

class OutputLengths {
 public:
  // `graph`: settled for the longest sample, in batches of `batch` samples here; outlives this, as
  // the others do. COST: shapes are inferred, once for each length that is asked for.
  OutputLengths(const graph::Graph& graph, const ModelSettings& model, const RunLengths& lengths,
                const Backend& reference, std::int64_t batch);

  // The dimension of an output that grows with the samples' length; -1: none does.
  int axis(std::size_t output) const { return axes_.at(output); }
  // Its size for a sample of this length.
  std::int64_t size(std::size_t output, std::int64_t length);

 private:
  const std::vector<Shape>& shapes_at(std::int64_t length);

  const graph::Graph& graph_;
  const ModelSettings& model_;
  const RunLengths& lengths_;
  const Backend& reference_;
  std::int64_t batch_;
  std::map<std::int64_t, std::vector<Shape>> shapes_;
  std::vector<int> axes_;
  std::vector<bool> equal_;  // by output: its size is the sample's length
};

}  // namespace temper::training
