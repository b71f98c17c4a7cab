// Whole training steps on one batch that stays in memory: for benchmarks and profiles.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "training/session/session.h"

namespace temper::training {

class SingleBatch {
 public:
  // The batch is all of recipe.data.train, or of `arrays` where there are any (as
  // SessionNeeds::arrays); the rate is the recipe's optimizer.lr at every step.
  explicit SingleBatch(const Recipe& recipe,
                       std::vector<std::pair<std::string, Tensor>> arrays = {});
  ~SingleBatch();

  // One step: forward, loss, gradient, update. Returns the loss, as the batch had it before the
  // update.
  double step();
  // The same, with the seconds of each step of the plan added to `seconds`.
  double step_profiled(std::vector<double>& seconds);
  const Plan& plan() const { return executor_->plan(); }
  std::int64_t rows() const { return session_.train_count(); }
  // The loss that was named or inferred.
  const std::string& loss_name() const { return session_.loss_name(); }

 private:
  double loss() const;

  Session session_;
  std::unique_ptr<BatchLoader> loader_;
  HeldExecutor executor_;
  int loss_output_ = -1;
};

}  // namespace temper::training
