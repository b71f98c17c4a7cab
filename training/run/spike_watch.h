// The spike guard of a run: what happens when a step is far above those before it. Such a step is
// not applied by the graph itself (the op SpikeGate), as one that is not finite; here the same
// window of good steps is kept for what is said of them.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/exec/variable_store.h"
#include "training/run/run_context.h"

namespace temper::training {

class SpikeWatch {
 public:
  explicit SpikeWatch(RunContext& context)
      : context_(context), settings_(context.recipe.train.spike) {}

  // Before a step. In a rehearsal, whose steps are not like those of a run, none is a spike.
  void before_step(VariableStore& store) const;
  // The number that is watched.
  double watched(double loss, double norm) const { return settings_.of == "loss" ? loss : norm; }
  // After step `step` was applied.
  void after_applied(std::int64_t step, double value);
  // After step `step` was kept from being applied, and counted. True: the store and the state's
  // applied steps are again those of the snapshot. THROWS: kDiverged when it is one too many in a
  // row.
  bool after_spike(VariableStore& store, std::int64_t step, double value);

  // Whether a snapshot is due after this step, if it was no spike.
  bool keeps_snapshot(std::int64_t step) const {
    return settings_.action == "rollback" && step % settings_.snapshot == 0;
  }
  // With train.spike = "rollback": this state is the one to go back to.
  void keep_snapshot(VariableStore& store);

 private:
  // Not in a rehearsal.
  bool is_on() const { return settings_.action != "off" && context_.records != nullptr; }
  std::string text(double value) const;

  RunContext& context_;
  const SpikeSettings& settings_;
};

}  // namespace temper::training
