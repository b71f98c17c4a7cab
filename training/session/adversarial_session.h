// A recipe of two models made concrete: generator and discriminator loaded and joined, the data
// opened, the plans over their one variable store. The adversarial trainer starts from it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/import.h"
#include "runtime/backend/backend.h"
#include "training/compile/adversarial_graph.h"
#include "training/compile/plan_set.h"
#include "training/data/batch_loader.h"
#include "training/objective/side_files.h"
#include "training/recipe/recipe.h"
#include "training/session/run_data.h"

namespace temper::training {

class AdversarialSession {
 public:
  // Loads models and data; compiles nothing yet. The data need no target: real samples and
  // conditions are found by the names of the models' inputs. THROWS: kInvalidArgument for settings
  // that only a run of one model has, and every input error of a session.
  explicit AdversarialSession(Recipe recipe, EngineOptions options = {});

  const Recipe& recipe() const { return recipe_; }
  const Backend& backend() const { return *backend_; }
  int threads() const { return threads_; }
  const Wiring& wiring() const { return graphs_->wiring(); }
  // Of the model whose step `kind` is. REQUIRES: kDiscriminator or kGenerator; so below.
  const AdversarialSide& side(AdversarialGraphKind kind) const;
  const CompileSettings& settings(AdversarialGraphKind kind) const;
  // What was inferred or changed, for people.
  const std::vector<std::string>& notes() const { return notes_; }
  // Models and data.
  std::vector<SideFile> files() const;

  // Compiles and allocates everything a run needs.
  MemoryPlan prepare();
  VariableStore& store() { return plans_->store(); }
  // REQUIRES: prepare() was called.
  HeldExecutor executor(AdversarialGraphKind kind);
  // What its plan computes twice.
  graph::RecomputationReport recomputed(AdversarialGraphKind kind) const;
  bool clips_weights() const;

  const RunData& data() const { return *data_; }
  std::int64_t batches_per_epoch() const { return data_->batches_per_epoch(); }
  std::unique_ptr<BatchLoader> make_train_loader(DataPosition start) const {
    return data_->make_train_loader(start);
  }
  // Binds those fields of a batch that the executor reads.
  void bind(Executor& executor, const Batch& batch) const;

  // sample_grid^2 samples of fixed noise [N, ...]. Where a condition is a class label, a column of
  // the grid shows one class; other conditions are those of the data's first rows.
  Tensor sample();
  // Writes generator.onnx and discriminator.onnx into the folder, the trained values in the files'
  // own form. Returns their paths.
  std::pair<std::string, std::string> export_models(const std::string& folder) const;
  // What that takes in memory beside the values, at most.
  std::int64_t export_bytes() const;

 private:
  CompileSettings compile_settings(const AdversarialSide& side) const;
  void settle_field_ports();
  void open_data(graph::Graph& generator, graph::Graph& discriminator);
  void note_short_batch();
  std::int64_t batch_of(AdversarialGraphKind kind) const;
  void export_model(const graph::OnnxModel& model, int number, const std::string& path) const;

  Recipe recipe_;
  int threads_ = 1;
  std::vector<std::string> notes_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> reference_;
  std::unique_ptr<graph::OnnxModel> generator_;
  std::unique_ptr<graph::OnnxModel> discriminator_;
  std::unique_ptr<RunData> data_;
  std::unique_ptr<AdversarialGraphs> graphs_;
  std::unique_ptr<PlanSet> plans_;
  std::vector<std::optional<Port>> field_ports_;  // the graphs' input for each field of the data
  std::vector<Tensor> sample_fields_;             // of the rows that condition the samples
};

}  // namespace temper::training
