// The model of a run as it is measured and saved: with its weights, or with their averages.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "training/run/run_averages.h"
#include "training/run/run_context.h"
#include "training/session/session.h"

namespace temper::training {

class RunModel {
 public:
  RunModel(Session& session, RunContext& context) : session_(session), context_(context) {}

  RunAverages averages;

  // After step `step` was applied, and counted: where the averages begin with it, that is told.
  void after_applied(std::int64_t step);
  // The state's applied steps are others.
  void count_updates() {
    context_.state.average_updates = averages.updates(context_.state.applied);
  }
  // Calls `act`, with the averages in the place of the weights where they are wanted and there.
  void with_averages(bool wanted, const std::function<void()>& act);
  // Writes the model with what is known of it (model_metadata.h), and how the data of it were
  // prepared. THROWS: as graph::export_model.
  void write(const std::string& path);
  // The same, where trouble is the records'.
  void export_to(const std::string& path);

 private:
  // Of the weights that are exported now, or null.
  const Evaluation* measured() const;

  Session& session_;
  RunContext& context_;
  std::string parent_;              // SHA-256 of the file that is trained; empty: not taken yet
  std::int64_t refreshed_at_ = -1;  // updates of the averages when their statistics were last taken
};

}  // namespace temper::training
