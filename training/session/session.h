// A recipe made concrete: the model loaded, the data opened and split, what was left open inferred,
// the graphs compiled. The trainer, the evaluation and the commands all start from a session.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/deploy/quantize_training.h"
#include "graph/onnx/import.h"
#include "runtime/backend/backend.h"
#include "training/compile/engine.h"
#include "training/data/open_dataset.h"
#include "training/losses/loss.h"
#include "training/objective/run_losses.h"
#include "training/objective/side_files.h"
#include "training/recipe/recipe.h"
#include "training/session/model_layout.h"
#include "training/session/run_data.h"
#include "training/session/run_lengths.h"

namespace temper::training {

// What a session is for, where that is not training.
struct SessionNeeds {
  bool target = true;  // false: the data need no target and there is no loss (prediction)
  std::set<std::string> as_variables;  // see OnnxModel::build_graph
  // Tables are prepared as when the model was trained: by the file preprocessing_path(model) if it
  // is there, else as the model's metadata say.
  bool stored_preprocessing = false;
  bool trains = true;        // false: nothing is said of what trains (evaluation, gradients)
  bool watch_steps = false;  // graphs of steps also give gradients and activations (watch.h)
  // Data in memory (DataOptions::arrays), in place of the file data.train, which then only names
  // them in messages. What is left open is settled by them, and Session::open_more() takes others.
  std::vector<std::pair<std::string, Tensor>> arrays = {};
};

class Session {
 public:
  // Loads the model and the data and settles the recipe: loss inferred when none is named (see
  // infer_loss), batch size clamped when not written. Compiles nothing yet. THROWS: every input
  // error of DESIGN section 7.
  explicit Session(Recipe recipe, EngineOptions options = {}, SessionNeeds needs = {});
  ~Session();

  const Recipe& recipe() const { return recipe_; }
  // The model's file; of a run that trains with rounding, as that was put in.
  const graph::OnnxModel& model() const { return rounded_ ? rounded_->model : *model_; }
  // Of [quantize]; null: the run rounds nothing.
  const graph::RoundedModel* rounded() const { return rounded_.get(); }
  // Moving ranges stand still behind quantize.freeze_after of so many steps. Before anything is
  // compiled.
  void observe_until(std::int64_t total_steps);
  // Writes the model with the engine's values as a run's model is written: in integers where the
  // recipe says so. THROWS: as graph::export_model(), graph::export_rounded().
  void write_model(const std::string& path, const graph::ExportedMetadata& metadata = {}) const;
  Engine& engine() { return *engine_; }
  const Engine& engine() const { return *engine_; }
  const Backend& backend() const { return *backend_; }
  const RunLosses& losses() const { return losses_; }
  // The loss the metrics are of, by name; empty for a file.
  const std::string& loss_name() const { return losses_.lead_term().loss.name; }
  // Whether its target is class indices, else floats.
  bool has_class_target() const {
    return !losses_.terms.empty() && losses_.lead_term().class_target;
  }
  int threads() const { return threads_; }
  // Those it trains with (EngineOptions::ranks), or null.
  Communicator* ranks() const { return options_.ranks; }
  // In a line: which of the model's tensors train now (in this stage), which do not, and why.
  std::string what_trains() const;
  // Tensors that became variables because SessionNeeds or model.trainable names them.
  const std::set<std::string>& as_variables() const { return as_variables_; }
  // What was inferred or changed, for people.
  const std::vector<std::string>& notes() const { return notes_; }

  const RunData& data() const { return *data_; }
  // Short for what data() knows.
  const Dataset& train_data() const { return data_->train(); }
  bool has_validation() const { return data_->has_validation(); }
  std::int64_t train_count() const { return data_->train_count(); }
  std::int64_t val_count() const { return data_->val_count(); }
  std::int64_t batches_per_epoch() const { return data_->batches_per_epoch(); }
  std::unique_ptr<BatchLoader> make_train_loader(DataPosition start) const {
    return has_peers(options_.ranks)
               ? data_->make_train_loader(start, options_.ranks->rank(), options_.ranks->size())
               : data_->make_train_loader(start);
  }
  std::unique_ptr<BatchLoader> make_val_loader() const { return data_->make_val_loader(); }
  std::unique_ptr<BatchLoader> make_ordered_loader(std::int64_t batch_size) const {
    return data_->make_ordered_loader(batch_size);
  }

  std::unique_ptr<BatchLoader> make_whole_loader() const { return data_->make_whole_loader(); }

  // `batch`: rows of the whole batch; a rank's step has its share of them. `length`: of the batch's
  // bucket; 0: of the longest, or samples do not differ.
  GraphRequest request(GraphKind kind, std::int64_t batch, std::int64_t length = 0) const;
  // What a request's `length` is.
  std::int64_t length_of(const GraphRequest& request) const;
  GraphRequest request(GraphKind kind, const Batch& batch) const {
    return request(kind, batch.all_rows, batch.length);
  }
  // All graphs the run will need, the training graph first: for Engine::prepare(). Of samples that
  // differ in length, those of whole batches of the longest; others are made when they come.
  std::vector<GraphRequest> requests() const;
  // The trainable set of recipe().stages[stage]: what model.freeze and the stage freeze is not in
  // it. Values of variables stay; optimizer state of what was frozen begins anew, its steps counted
  // from `applied`. Executors of before are gone.
  void enter_stage(std::size_t stage, std::int64_t applied);
  // Further arrays, prepared and checked as the training data are, whose fields they have.
  // `targets`: false where only inputs are needed. The arrays may be the caller's: what comes of
  // the data set are copies. REQUIRES: SessionNeeds::arrays. THROWS: kInvalidData, kUnsupported.
  std::unique_ptr<Dataset> open_more(std::vector<std::pair<std::string, Tensor>> arrays,
                                     bool targets) const;
  // Binds those fields of a batch that the executor reads.
  void bind(Executor& executor, const Batch& batch) const;
  // Which of the model's outputs it reads.
  int loss_output() const { return losses_.lead_output; }
  // Its shape, in batches of two.
  const Shape& loss_output_shape() const { return losses_.lead_shape; }
  // Of samples that differ in length.
  const RunLengths& lengths() const { return lengths_; }
  // Where samples lie in what the model's file takes. The graphs have them first.
  const ModelLayout& layout() const { return layout_; }
  // Beside model and data.
  const std::vector<SideFile>& side_files() const { return side_files_; }

 private:
  // `trains`: and with [quantize], where the recipe has it.
  void import_model(const std::set<std::string>& asked, bool trains);
  // Where the model rounds: what it begins with.
  void calibrate(CompileSettings& settings);
  std::map<std::string, graph::ValueRange> observed_ranges(const CompileSettings& settings);
  void open_data(const DataOptions& options);
  std::unique_ptr<Dataset> open_probe(const std::string& path, DataOptions options) const;
  void open_inputs(DataOptions options);
  // Where samples differ in length. `other`: further data, or null.
  void settle_lengths(Dataset& probe, const Dataset* other);
  void leave_out_filling();
  void add_frames(const Dataset& train, const Dataset* val);
  std::size_t output_of(const LossTerm& term) const;
  // Of the training and the validation rows.
  void check_data_indices(const graph::Graph& graph) const;
  void load_teacher();
  void mix_samples();
  void settle_plan_cache();
  void check_shares(int ranks) const;
  std::vector<GraphRequest> requests_of_lengths() const;
  void settle_field_ports();
  // What data were told by an earlier look at all of them holds for no later ones.
  void expect_more();
  // The model with what the data leave open settled, its inputs and outputs with the samples first.
  void settle_model(const Dataset& probe);
  graph::Graph forward_graph() const;

  Recipe recipe_;
  std::unique_ptr<graph::OnnxModel> model_;
  std::unique_ptr<graph::RoundedModel> rounded_;
  std::set<std::string> as_variables_;
  std::vector<graph::TensorDecision> decisions_;
  ModelLayout layout_;
  RunLengths lengths_;
  std::unique_ptr<graph::Graph> teacher_;  // of loss.teacher; null without
  LossFiles loss_files_;
  std::vector<SideFile> side_files_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> reference_;
  EngineOptions options_;
  bool watch_steps_ = false;
  std::unique_ptr<Engine> engine_;
  int threads_ = 1;
  RunLosses losses_;
  std::vector<std::string> notes_;
  DataOptions more_;  // how open_more() reads
  std::unique_ptr<RunData> data_;
  std::vector<std::optional<Port>> field_ports_;  // the graphs' input for each field of the data
  std::unique_ptr<graph::Graph> imported_;
};

}  // namespace temper::training
