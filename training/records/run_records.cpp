#include "training/records/run_records.h"

#include <vector>

#include "runtime/platform/folders.h"
#include "training/records/checkpoint.h"
#include "training/records/run_directory.h"

namespace temper::training {
namespace {

constexpr const char* kMetrics = "metrics.jsonl";

}  // namespace

RunRecords::RunRecords(const Recipe& recipe, bool resume, const RunIdentity& identity,
                       const StoreFor& store, RunState& state, RunObserver& observer)
    : recipe_(recipe), observer_(observer), directory_(make_run_directory(recipe, resume)) {
  lock_ = std::make_unique<RunLock>(directory_, kMetrics);
  make_directories(path("checkpoints"));
  remove_stale_temporaries(path("checkpoints"));
  remove_stale_temporaries(directory_);
  resumed_ = resume && load(identity, store, state);
  write_run_recipe(directory_, recipe);  // of a resumed run too: it may be longer now
  state.settings_hash = identity.settings_hash;
  state.files.clear();
  for (const SideFile& file : identity.files) {
    state.files[file.key] = file.fingerprint;
  }
  state.numerics = identity.numerics;
  metrics_ = std::make_unique<MetricsLog>(path(kMetrics), state.metrics_bytes);
  if (recipe.log.tensorboard) {
    tensorboard_ = std::make_unique<TensorBoardLog>(path("tensorboard"), state.attempted);
    if (!resumed_) {
      tensorboard_->train().text(0, "recipe", concat("```toml\n", to_toml(recipe), "\n```"));
    }
  }
}

std::string RunRecords::path(const std::string& name) const { return join_path(directory_, name); }

// The newest checkpoint of the run, if there is one.
bool RunRecords::load(const RunIdentity& identity, const StoreFor& store, RunState& state) {
  std::vector<std::string> notes;
  const auto loaded =
      load_newest_checkpoint(directory_, notes, [&](const RunState& saved) -> VariableStore& {
        for (const std::string& note : require_same_run(identity, saved, recipe_, directory_)) {
          observer_.message(note);
        }
        return store(saved);
      });
  for (const std::string& note : notes) {
    observer_.message(note);
  }
  if (!loaded) {
    observer_.message("there is no checkpoint yet: starting from the beginning");
    return false;
  }
  state = *loaded;
  return true;
}

void RunRecords::write(RunState& state, std::int64_t step, std::int64_t epoch,
                       std::span<const Metric> line) {
  guarded([&] {
    metrics_->write(step, epoch, line);
    state.metrics_bytes = metrics_->offset();
    if (tensorboard_ != nullptr) {
      tensorboard_->write(step, line);
    }
  });
  observer_.logged(step, epoch, line);
}

void RunRecords::show(const RunState& state, const std::vector<DrawnChart>& charts) {
  guarded([&] {
    for (const auto& [name, picture] : charts) {
      if (tensorboard_ != nullptr) {
        tensorboard_->train().image(state.attempted, name, picture.png, picture.width,
                                    picture.height);
      }
    }
  });
}

void RunRecords::checkpoint(const VariableStore& store, const RunState& state) {
  guarded([&] {
    metrics_->sync();  // a checkpoint counts on the lines before it
    save_checkpoint(directory_, store, state, recipe_.checkpoint.keep);
  });
}

// Training goes on when something cannot be written; the exit code says so in the end.
void RunRecords::trouble(const Error& error) {
  if (error.code() != ErrorCode::kIo) {
    throw error;
  }
  save_failed_ = true;
  observer_.message(concat("could not save: ", error.message()));
}

}  // namespace temper::training
