// What a run keeps on disk while it goes on: its folder and lock, metrics.jsonl, TensorBoard files
// and checkpoints. Trouble with writing does not end a run; it is told, and remembered for the exit
// code. Threading: the training thread's.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/exec/variable_store.h"
#include "runtime/platform/run_lock.h"
#include "training/records/run_identity.h"
#include "training/records/run_observer.h"
#include "training/records/run_state.h"
#include "training/records/tensorboard_log.h"

namespace temper::training {

class RunRecords {
 public:
  // Gives the store to load a checkpoint with this state into.
  using StoreFor = std::function<VariableStore&(const RunState&)>;

  // Makes the folder, or with `resume` takes the run in it: `state` and the store are then those
  // of its newest checkpoint. REQUIRES: `recipe`, `observer` outlive the records. THROWS: as
  // make_run_directory, load_newest_checkpoint, require_same_run; kIo.
  RunRecords(const Recipe& recipe, bool resume, const RunIdentity& identity, const StoreFor& store,
             RunState& state, RunObserver& observer);

  const std::string& directory() const { return directory_; }
  std::string path(const std::string& name) const;
  // Whether a checkpoint was loaded.
  bool resumed() const { return resumed_; }
  bool save_failed() const { return save_failed_; }

  // A line of metrics at a step, also for TensorBoard and the observer; the state learns how long
  // the file of lines is.
  void write(RunState& state, std::int64_t step, std::int64_t epoch, std::span<const Metric> line);
  // Charts at the state's step, for TensorBoard.
  void show(const RunState& state, const std::vector<DrawnChart>& charts);
  void checkpoint(const VariableStore& store, const RunState& state);
  // Calls `save`, and tells about an error of kind kIo instead of throwing it.
  template <class Save>
  void guarded(Save save) {
    try {
      save();
    } catch (const Error& error) {
      trouble(error);
    }
  }

  TensorBoardLog* tensorboard() { return tensorboard_.get(); }

 private:
  bool load(const RunIdentity& identity, const StoreFor& store, RunState& state);
  void trouble(const Error& error);

  const Recipe& recipe_;
  RunObserver& observer_;
  std::string directory_;
  std::unique_ptr<RunLock> lock_;
  std::unique_ptr<MetricsLog> metrics_;
  std::unique_ptr<TensorBoardLog> tensorboard_;
  bool resumed_ = false;
  bool save_failed_ = false;
};

}  // namespace temper::training
