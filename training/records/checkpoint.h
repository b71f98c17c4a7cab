// Checkpoints: a folder of weights.safetensors, optimizer.safetensors, ema.safetensors (in a run
// that averages its weights), state.json and MANIFEST (sizes and SHA-256, written last); a
// teacher's weights stay in its own file. Written under a temporary name, synced, renamed, the
// parent synced: a folder that is there is whole, or is skipped.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/exec/variable_store.h"
#include "training/formats/safetensors.h"
#include "training/records/run_state.h"

namespace temper::training {

// What writing a checkpoint takes in memory, at most: a piece of each file at a time.
inline constexpr std::int64_t kCheckpointBytes = std::int64_t{4} << 20;

// How many elements of the model's tensors are not finite, by name; those without any are left out.
std::map<std::string, double> not_finite_elements(const VariableStore& store);

// Writes checkpoints/step-<12 digits> of `run_directory`, then removes the oldest up to this step
// until `keep` are left. THROWS: kIo (nothing is lost then: the older ones stay); kDiverged instead
// of writing weights that are not finite, but for those that state.given_not_finite counts.
void save_checkpoint(const std::string& run_directory, const VariableStore& store,
                     const RunState& state, std::int64_t keep);

// The newest whole checkpoint: its variables go to the store. Damaged ones are skipped, each with a
// line in `notes`. Empty when the folder has none at all. `accept` sees the state before anything
// is changed and gives the store to fill; what it throws ends the load. THROWS: kInvalidModel when
// none is whole and fits the model.
std::optional<RunState> load_newest_checkpoint(
    const std::string& run_directory, std::vector<std::string>& notes,
    const std::function<VariableStore&(const RunState&)>& accept);

// What a checkpoint holds of the model, by name; values are read when they are asked for.
struct SavedTensors {
  RunState state;
  std::map<std::string, PlainValue> weights;
  std::map<std::string, PlainValue> averages;  // of weights and statistics; empty: the run has none
  std::vector<std::unique_ptr<SafetensorsFile>> files;  // where they are
};

// The newest whole checkpoint, of any recipe; damaged ones are skipped, each with a line in
// `notes`. THROWS: kInvalidModel when there is none.
SavedTensors read_newest_checkpoint(const std::string& run_directory,
                                    std::vector<std::string>& notes);

}  // namespace temper::training
