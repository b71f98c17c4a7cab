// Where the samples of a batch lie in a model's outputs: as the recipe says, or as the outputs grow
// with the batch. Then they are brought to the form with the samples first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/settings/model_settings.h"

namespace temper::training {

struct OutputPlace {
  enum class Kind {
    kAxis,     // along dimension `axis`
    kRows,     // dimension 0 has several rows of each sample
    kSample,   // nowhere: it is all there is of a batch of one sample
    kWhole,    // nowhere: one number or one tensor for the whole batch
    kUnclear,  // dimension 0 grows with the batch, but how samples lie in it is not known
  };
  std::string name;
  Kind kind = Kind::kAxis;
  int axis = 0;
  int time = -1;                // the dimension that comes behind the samples
  bool samples_inside = false;  // kRows: one row of each sample after the other
  Shape shape;                  // of the smallest batch that was tried
  std::string why;
};

// For how many samples the shapes of outputs are looked at.
inline constexpr std::int64_t kProbeBatch = 2;

// `graph`: an imported graph, its inputs arranged and their sizes known. `one_sample`: batches are
// of one. THROWS: kInvalidArgument for settings that do not fit; as bind_batch().
std::vector<OutputPlace> find_output_places(const graph::Graph& graph,
                                            const ModelSettings& settings, bool one_sample,
                                            const Backend& reference);

void arrange_outputs(graph::Graph& graph, const std::vector<OutputPlace>& places);

// "batch at axis 1 (as many as samples)".
std::string describe(const OutputPlace& place);

}  // namespace temper::training
