// What differs between the kinds of runs: the loop (run_loop.h) knows a run as a source of steps.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/exec/variable_store.h"
#include "training/data/batch_loader.h"
#include "training/records/metrics_log.h"
#include "training/records/run_identity.h"
#include "training/records/run_state.h"
#include "training/run/run_averages.h"
#include "training/run/run_length.h"
#include "training/run/run_outcome.h"

namespace temper::training {

// A step that was issued. Its figures (loss, norm, whether it was applied) are its report, which
// may arrive some steps later.
struct IssuedStep {
  std::int64_t number = 0;  // steps tried until and with it
  DataPosition begin;       // of its first batch
  DataPosition end;         // of the batch after it
  std::int64_t samples = 0;
  bool ends_epoch = false;
  bool last = false;  // of the run; set by the loop
};

// Threading: the training thread's. Reports are asked for in the order of their steps.
class RunSteps {
 public:
  virtual ~RunSteps() = default;

  // Before the run is opened.
  virtual std::int64_t total_steps() const = 0;
  virtual std::int64_t total_epochs() const = 0;
  virtual RunIdentity identity() const = 0;
  // The schedules the run goes by; the first is of the model whose weights are averaged.
  virtual std::vector<ScheduledModel> schedules() const = 0;
  // The store that holds a checkpoint of this state.
  virtual VariableStore& store_of(const RunState& saved) = 0;

  // Opening: the state is that of the first step to come, lengths are settled.
  virtual RunAverages& averages() = 0;
  virtual void begin() = 0;
  // Before the first step of a run that is no resumed one.
  virtual void begin_anew() {}

  // Whether the coming step can only be issued once all reports have arrived.
  virtual bool needs_reports() const { return false; }
  // Issues the coming step, and moves the state's count and data position behind it.
  virtual IssuedStep issue() = 0;
  // Before whatever looks at the variables: what each rank of the run has of its own becomes alike.
  virtual void settle_ranks() {}
  // How many issued steps may be without a report. Reports are asked for before whatever needs all.
  virtual std::int64_t report_lag() const { return 0; }
  // Takes in the report of the oldest step without one. Returns its loss, for people.
  // THROWS: kDiverged as the recipe says.
  virtual double take_report(const IssuedStep& step) = 0;

  // What gathering batches took so far.
  virtual LoaderTimes loading() const { return {}; }

  // Whether each epoch's end has a logged line.
  virtual bool logs_epochs() const = 0;
  // What a line at this step holds of the models; figures of coming lines begin anew.
  virtual void log(const IssuedStep& step, std::vector<Metric>& line) = 0;

  // Whether something is to be done between this step and the next: an evaluation, samples, another
  // stage.
  virtual bool acts_after(const IssuedStep& step) const = 0;
  // Does it. All reports have arrived.
  virtual void act_after(const IssuedStep& step) = 0;
  // False: nothing is to be gained by further steps.
  virtual bool wants_more() const { return true; }

  virtual VariableStore& store() = 0;
  // The end: models as files, unless a signal ended the run.
  virtual void export_models() = 0;
  // After everything is saved; what is drawn of the run follows.
  virtual void conclude(RunOutcome outcome) { static_cast<void>(outcome); }
};

}  // namespace temper::training
