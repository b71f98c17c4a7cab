// The model of a run that trains with rounding ([quantize]): its file with the rounding put in, and
// its graph with observed ranges, which are running statistics, or with scales that are learnt,
// which are parameters.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/deploy/quantize_training.h"
#include "training/compile/training_graph.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// THROWS: as graph::round_for_training(); kInvalidArgument for a pattern of quantize.skip that
// matches no layer.
graph::RoundedModel round_model(const graph::OnnxModel& model, const QuantizeSettings& settings);

// Tensors of the rounded model that train beside its own: its scales, where they are learnt.
std::set<std::string> learnt_scales(const graph::RoundedModel& rounded,
                                    const QuantizeSettings& settings);

// Puts the observers into the graph of rounded.model.
void add_observers(graph::Graph& imported, const graph::RoundedModel& rounded,
                   const QuantizeSettings& settings);

// Ranges of values, by the value that has them, become what the graph's observers begin with, and
// learnt scales what follows from these and from the weights.
void set_ranges(graph::Graph& imported, const graph::RoundedModel& rounded,
                const QuantizeSettings& settings,
                const std::map<std::string, graph::ValueRange>& ranges);

// Learnt scales have a rate of their own, and no weight decay, unless the recipe says otherwise.
void add_scale_group(CompileSettings& settings, const graph::RoundedModel& rounded,
                     const Recipe& recipe);

// Writes the run's model as quantize.export says. `values`: Engine::model_values(), or those of a
// checkpoint. THROWS: as graph::export_rounded().
void write_rounded(const graph::RoundedModel& rounded, const QuantizeSettings& settings,
                   const std::map<std::string, PlainValue>& values, const std::string& path,
                   const graph::ExportedMetadata& metadata);

}  // namespace temper::training
