#include "training/run/run_model.h"

#include "runtime/base/concat.h"
#include "runtime/platform/files.h"
#include "training/formats/sha256.h"
#include "training/run/update_batchnorm.h"
#include "training/session/data_options.h"
#include "training/session/model_metadata.h"

namespace temper::training {

void RunModel::after_applied(std::int64_t step) {
  RunState& state = context_.state;
  const AverageSettings& settings = context_.recipe.average;
  const bool any_before = state.average_updates > 0;
  count_updates();
  if (any_before || state.average_updates == 0 || context_.records == nullptr) {
    return;
  }
  const bool validated = settings.validate && session_.has_validation();
  const bool exported = settings.exported == "average";
  context_.observer.message(
      concat("step ", step, ": the weights are averaged (", settings.kind, ") from here on; ",
             validated && exported ? "validation and exported models use the average"
             : validated           ? "validation uses the average"
             : exported            ? "exported models have the average"
                                   : "temper export --weights average writes it"));
}

void RunModel::with_averages(bool wanted, const std::function<void()>& act) {
  const std::int64_t applied = context_.state.applied;
  const std::int64_t updates = averages.updates(applied);
  averages.in_place(wanted, session_.engine().store(), applied, [&] {
    if (wanted && updates > 0 && context_.recipe.average.refreshes_statistics() &&
        context_.recipe.model.batchnorm != "frozen" && refreshed_at_ != updates) {
      update_batchnorm(session_);
      refreshed_at_ = updates;
    }
    act();
  });
}

const Evaluation* RunModel::measured() const {
  const RunState& state = context_.state;
  const AverageSettings& average = context_.recipe.average;
  const bool same =
      state.average_updates == 0 || average.validate == (average.exported == "average");
  return same && state.evaluated_step == state.attempted ? &state.last_evaluation : nullptr;
}

void RunModel::export_to(const std::string& path) {
  context_.records->guarded([&] { write(path); });
}

void RunModel::write(const std::string& path) {
  if (parent_.empty()) {
    parent_ = sha256_of_file(session_.model().path());
  }
  with_averages(context_.recipe.average.exported == "average", [&] {
    session_.write_model(path, {kMetadataPrefix, model_metadata(session_, measured(), parent_)});
  });
  const JsonValue preparation = session_.train_data().preprocessing();
  if (!preparation.is_null()) {
    write_file_atomically(preprocessing_path(path), preparation.text(2) + "\n");
  }
}

}  // namespace temper::training
