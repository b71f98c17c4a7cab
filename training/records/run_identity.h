// What identifies a run: for resuming without silent differences.
#pragma once

#include <string>
#include <vector>

#include "training/objective/side_files.h"
#include "training/records/run_state.h"
#include "training/session/adversarial_session.h"
#include "training/session/session.h"

namespace temper::training {

struct RunIdentity {
  std::string settings_hash;
  std::string numerics;  // backend, library versions, instruction set, threads
  std::vector<SideFile> files;
};
// COST: reads the models' files.
RunIdentity run_identity(const Session& session);
RunIdentity run_identity(const AdversarialSession& session);

// Returns what a person should know. THROWS: kInvalidArgument saying what differs: resuming would
// give other numbers than the run that was stopped.
std::vector<std::string> require_same_run(const RunIdentity& now, const RunState& saved,
                                          const Recipe& recipe, const std::string& run_directory);

}  // namespace temper::training
