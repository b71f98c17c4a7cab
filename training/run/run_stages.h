// Staged training: [[train.stage]] entries follow one another at epoch borders, each with its own
// trainable set and rate.
#pragma once

#include <cstdint>
#include <string>

#include "training/recipe/recipe.h"
#include "training/session/session.h"

namespace temper::training {

// The end of stage `stage` in epochs; with -1 of the last one.
std::int64_t stage_end(const Recipe& recipe, int stage);

class RunStages {
 public:
  explicit RunStages(Session& session) : session_(session), recipe_(session.recipe()) {}

  // Whether the stage of this epoch is another one than the current; never in a run without any.
  bool changes_at(std::int64_t epoch) const { return any() && of(epoch) != stage_; }
  // Makes the stage of this epoch the session's; `applied`: steps so far. The session's executors
  // are others then. REQUIRES: changes_at(epoch).
  void enter(std::int64_t epoch, std::int64_t applied);
  bool any() const { return !recipe_.stages.empty(); }
  int current() const { return stage_; }  // -1: none was entered yet
  double rate() const;
  // "stage 2 of 3: ...".
  std::string text() const;

 private:
  int of(std::int64_t epoch) const;

  Session& session_;
  const Recipe& recipe_;
  int stage_ = -1;
};

}  // namespace temper::training
