// Which parameters are trained, in which optimizer group, and what each group sets apart.
#pragma once

#include <span>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/exec/variable_store.h"
#include "training/compile/training_graph.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {

// The groups as the optimizer runs them: each parameter of `graph`, trained or not, is in one or
// none. What all groups that match it say is merged, the later one wins for the same setting;
// parameters that the same groups match are one group. Merging again changes nothing. THROWS:
// kInvalidArgument when a pattern matches nothing.
std::vector<OptimizerGroup> merged_groups(const graph::Graph& graph,
                                          const std::vector<OptimizerGroup>& groups);

// Groups of the optimizer: group 0 is everything that no pattern of settings.groups matches.
std::int64_t group_count(const CompileSettings& settings);
// All parameters of the optimizer, for each group.
std::vector<Attrs> group_parameters(const CompileSettings& settings);

// The rows of the table of rates (step_variables.h) of a store: all are set, then written.
class RateTable {
 public:
  RateTable(VariableStore& store, const CompileSettings& settings);
  std::int64_t groups() const { return static_cast<std::int64_t>(lr_.size()); }
  // The learning rate a group starts from.
  double lr(std::int64_t group) const { return lr_[static_cast<std::size_t>(group)]; }
  void set_rate(std::int64_t group, std::int64_t slot, double rate);
  // NaN: the optimizer's own.
  void set_momentum(std::int64_t group, std::int64_t slot, double momentum);
  // To the store.
  void write();
  // Writes that every step of the run has the groups' own rates and momentum.
  void fill_constant();

 private:
  VariableStore& store_;
  int variable_;
  std::vector<double> rates_;
  std::vector<double> lr_;
};

// Per parameter: the stage in which it began to train; what was frozen in the stage before begins
// anew in this one. Empty without stages.
std::vector<std::int64_t> phases_of(const graph::Graph& graph, const CompileSettings& settings,
                                    const std::vector<graph::VariableId>& parameters);

// Fills parameters, group_of, phase_of, groups and unit_axes: trainable parameters sorted by
// optimizer group, so that each group is one flat range. REQUIRES: settings.groups are merged.
void collect_parameters(graph::Graph& graph, const CompileSettings& settings, UpdateInputs& update);

}  // namespace temper::training
