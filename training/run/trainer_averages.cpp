// The averages of the weights in the training loop: how far each step moves them, and measuring and
// saving them in the place of the weights.
#include "runtime/base/concat.h"
#include "training/run/trainer_impl.h"
#include "training/run/update_batchnorm.h"

namespace temper::training {

void Trainer::Impl::count_average_update() {
  const bool any_before = state.average_updates > 0;
  state.average_updates = average.updates(state.applied);
  if (any_before || state.average_updates == 0 || records == nullptr) {
    return;
  }
  const bool validated = recipe.average.validate && session.has_validation();
  const bool exported = recipe.average.exported == "average";
  observer.message(concat("step ", state.attempted, ": the weights are averaged (",
                          recipe.average.kind, ") from here on; ",
                          validated && exported ? "validation and exported models use the average"
                          : validated           ? "validation uses the average"
                          : exported            ? "exported models have the average"
                                                : "temper export --weights average writes it"));
}

void Trainer::Impl::with_averages(bool wanted, const std::function<void()>& act) {
  if (!wanted || average.updates(state.applied) == 0) {
    act();
    return;
  }
  const AveragesInPlace in_place(session.engine().store());
  if (recipe.average.refreshes_statistics() && recipe.model.batchnorm != "frozen" &&
      refreshed_at != average.updates(state.applied)) {
    update_batchnorm(session);
    refreshed_at = average.updates(state.applied);
  }
  act();
}

}  // namespace temper::training
