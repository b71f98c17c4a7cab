#include "training/session/session.h"

#include <algorithm>
#include <optional>

#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/base/row_share.h"
#include "training/recipe/key_effects.h"
#include "training/session/carrying.h"
#include "training/session/data_options.h"
#include "training/session/feature_cache.h"
#include "training/session/input_ranges.h"
#include "training/session/input_shapes.h"
#include "training/session/model_metadata.h"
#include "training/session/observers.h"
#include "training/session/precision.h"
#include "training/session/run_device.h"
#include "training/session/run_metrics.h"
#include "training/session/what_trains.h"

namespace temper::training {
namespace {

bool is_ragged(const Dataset& data) {
  return std::any_of(data.fields().begin(), data.fields().end(),
                     [](const Field& field) { return field.ragged_axis >= 0; });
}

// Arrays in memory are found by their names, as those of such a file.
constexpr const char* kFormatOfArrays = "npz";

// The validation data, read as the training data are.
DataOptions validation_options(DataOptions options, const Dataset& train) {
  options.preprocessing = train.preprocessing();
  options.part = DataPart::kValidation;
  return options;
}

}  // namespace

Session::~Session() = default;

Session::Session(Recipe recipe, EngineOptions options, SessionNeeds needs)
    : recipe_(std::move(recipe)) {
  TEMPER_CHECK(!recipe_.model.path.empty(), ErrorCode::kInvalidArgument,
               "model.path is not set: which ONNX file?");
  TEMPER_CHECK(!recipe_.data.train.empty(), ErrorCode::kInvalidArgument,
               "data.train is not set: which data?");
  RunDevice device = open_device(recipe_.train, options, notes_);
  reference_ = std::move(device.reference);
  backend_ = std::move(device.backend);
  threads_ = options.threads;
  settle_carrying(recipe_, notes_);
  import_model(needs.as_variables, needs.target && needs.trains);
  if (needs.target && needs.trains) {
    const std::vector<std::string> idle =
        check_effects(recipe_, {needs.arrays.empty() ? data_format(recipe_) : kFormatOfArrays});
    notes_.insert(notes_.end(), idle.begin(), idle.end());
  }
  DataOptions data = data_options(*imported_, recipe_);
  layout_.mark_optional(data);
  data.arrays = std::move(needs.arrays);
  data.preprocessing = stored_preparation(*model_, recipe_, needs.stored_preprocessing, notes_);
  watch_steps_ = needs.watch_steps;
  needs.target ? open_data(data) : open_inputs(data);
  if (!data.arrays.empty()) {
    expect_more();
  }
  settle_field_ports();
  data_->settle(recipe_, notes_);
  if (needs.target && needs.trains) {
    data_->cut_streams(notes_);
  }
  CompileSettings settings;
  settings.carried = layout_.carried();
  settings.carried_rows = recipe_.data.batch_size;
  settings.losses = losses_.terms;
  settings.sample_weight = !recipe_.sample_weight.empty();
  settings.accuracy = needs.target ? accuracy_settings(*this) : AccuracySettings{};
  settings.penalty = recipe_.penalty;
  settings.teacher = recipe_.teacher;
  if (needs.target && !recipe_.teacher.model.empty()) {
    load_teacher();
    settings.teacher_graph = teacher_.get();
  }
  settings.optimizer = recipe_.optimizer;
  settings.groups.assign(recipe_.groups.begin(), recipe_.groups.end());
  settings.clip = recipe_.clip;
  settings.model = recipe_.model;
  settings.train = recipe_.train;
  settings.average = recipe_.average;
  settings.longest = lengths_.longest();
  if (has_peers(options.ranks)) {
    settings.ranks = options.ranks->size();
    settings.bucket_bytes = options.bucket_bytes;
    check_shares(settings.ranks);
  }
  settle_precision(recipe_, *imported_, *backend_, settings, notes_);
  options_ = std::move(options);
  settle_plan_cache();
  if (recipe_.train.cache_features && needs.target && needs.trains) {
    notes_.push_back(
        cache_features(*imported_, *data_, recipe_, settings, *backend_, *reference_, options_));
    settle_field_ports();
  }
  if (rounded_) {
    calibrate(settings);
  }
  engine_ =
      std::make_unique<Engine>(*imported_, std::move(settings), *backend_, *reference_, options_);
  if (needs.target && needs.trains) {
    notes_.push_back(what_trains());
  }
}

// Every rank needs a row of every batch.
void Session::check_shares(int ranks) const {
  TEMPER_CHECK(layout_.carried().empty(), ErrorCode::kUnsupported,
               "model.input.NAME.carry goes on in the rows of one device; ", ranks,
               " ranks share the rows of a batch: leave it out");
  const EpochBatches& batches = data_->epoch_batches();
  std::vector<std::int64_t> sizes = batches.rests;
  sizes.push_back(batches.whole > 0 ? batches.size : ranks);
  const std::int64_t least = *std::min_element(sizes.begin(), sizes.end());
  TEMPER_CHECK(least >= ranks, ErrorCode::kInvalidArgument, "a batch of ", least,
               " rows cannot be shared by ", ranks,
               " ranks, each of which needs one: write data.drop_last = true, or another "
               "data.batch_size");
}

void Session::import_model(const std::set<std::string>& asked, bool trains) {
  model_ = std::make_unique<graph::OnnxModel>(
      graph::OnnxModel::load(recipe_.model.path, {recipe_.model.external_data_root}));
  as_variables_ = asked;
  if (trains && recipe_.quantize.is_on()) {
    rounded_ = std::make_unique<graph::RoundedModel>(round_model(*model_, recipe_.quantize));
    notes_.insert(notes_.end(), rounded_->notes.begin(), rounded_->notes.end());
    as_variables_.merge(learnt_scales(*rounded_, recipe_.quantize));
  }
  graph::Graph graph = model().build_graph(graph::standard_ops(), as_variables_, &decisions_);
  const std::set<std::string> constants = asked_constants(recipe_.model.trainable, decisions_);
  if (!constants.empty()) {
    as_variables_.insert(constants.begin(), constants.end());
    graph = model().build_graph(graph::standard_ops(), as_variables_, &decisions_);
  }
  if (rounded_) {
    add_observers(graph, *rounded_, recipe_.quantize);
  }
  imported_ = std::make_unique<graph::Graph>(std::move(graph));
  const std::string note = training_form_note(recipe_.model.path, *imported_);
  if (!note.empty()) {
    notes_.push_back(note);
  }
  layout_ = ModelLayout(*imported_, model(), recipe_.model, *reference_, notes_);
  side_files_ = value_files(recipe_.model);
}

std::string Session::what_trains() const {
  return training::what_trains(*imported_, decisions_, engine_->settings());
}

void Session::enter_stage(std::size_t stage, std::int64_t applied) {
  const auto frozen_in = [&](std::size_t s) {
    std::vector<std::string> patterns = recipe_.model.freeze;
    const std::vector<std::string>& own = recipe_.stages[s].freeze;
    patterns.insert(patterns.end(), own.begin(), own.end());
    return patterns;
  };
  CompileSettings settings = engine_->settings();
  settings.model.freeze = frozen_in(stage);
  settings.stages = static_cast<std::int64_t>(recipe_.stages.size());
  settings.earlier_freezes.clear();
  for (std::size_t before = 0; before < stage; ++before) {
    settings.earlier_freezes.push_back(frozen_in(before));
  }
  std::optional<KeptVariables> before;
  if (engine_->store().allocated()) {
    before = engine_->take_variables();
  }
  // Frees the plans of the stage before, so that there is never memory for two.
  engine_ =
      std::make_unique<Engine>(*imported_, std::move(settings), *backend_, *reference_, options_);
  if (!before) {
    return;
  }
  engine_->prepare(requests(), &before->store);
  VariableStore& store = engine_->store();
  store.set_range<std::int64_t>(store.find(ScalarRole::kStarts), static_cast<std::int64_t>(stage),
                                {&applied, 1});
}

void Session::settle_model(const Dataset& probe) {
  layout_.give_states(*imported_, probe, notes_);
  settle_input_shapes(*imported_, probe);
  try {
    layout_.settle(*imported_, recipe_, *reference_, notes_);
  } catch (Error& error) {
    error.add_note(concat("while compiling ", recipe_.model.path));
    throw;
  }
}

// The model for a batch of two, made without choosing kernels: its shapes and dtypes.
graph::Graph Session::forward_graph() const {
  GraphRequest request;
  request.kind = GraphKind::kPredict;
  request.batch = layout_.probe_batch();
  try {
    CompileSettings settings;
    settings.model.unroll = recipe_.model.unroll;
    settings.model.max_trip_count = recipe_.model.max_trip_count;
    settings.carried = layout_.carried();
    settings.carried_rows = request.batch;
    return make_graph(*imported_, settings, request, *reference_).graph;
  } catch (Error& error) {
    error.add_note(concat("while compiling ", recipe_.model.path));
    throw;
  }
}

// The data as they are, for what is left open.
std::unique_ptr<Dataset> Session::open_probe(const std::string& path, DataOptions options) const {
  options.require_finite = false;
  try {
    return open_dataset(path, options);
  } catch (Error& error) {
    for (const std::string& line : loss_files_.explain()) {
      error.add_note(line);
    }
    throw;
  }
}

void Session::open_data(const DataOptions& wanted) {
  loss_files_ = LossFiles(recipe_, *imported_);
  const std::vector<SideFile> of_losses = loss_files_.side_files();
  side_files_.insert(side_files_.end(), of_losses.begin(), of_losses.end());
  DataOptions options = asked_targets(recipe_, loss_files_, wanted);
  const std::unique_ptr<Dataset> probe = open_probe(recipe_.data.train, options);
  const bool other = !recipe_.data.val.empty() && is_ragged(*probe);
  const std::unique_ptr<Dataset> val =
      other ? open_probe(recipe_.data.val, validation_options(options, *probe)) : nullptr;
  settle_lengths(*probe, val.get());
  settle_model(*probe);
  losses_ = settle_losses(recipe_, loss_files_, forward_graph(), *probe, *reference_, notes_);
  check_indices(*imported_, *probe, recipe_.model.allow_negative_ids);
  add_frames(*probe, val.get());
  options.targets = losses_.targets;
  for (const RunLosses::Labels& labels : losses_.labels) {
    for (WantedField& target : options.targets) {
      if (target.name == labels.field) {
        target.pad = static_cast<double>(labels.ignored);
      }
    }
  }
  more_ = options;
  data_ = std::make_unique<RunData>(recipe_, options, true);
  data_->fill_up(lengths_);
  leave_out_filling();
  check_run_targets(losses_, data_->train(), recipe_.data.class_names, notes_);
  if (&data_->val() != &data_->train()) {
    check_run_targets(losses_, data_->val(), recipe_.data.class_names, notes_);
    check_indices(*imported_, data_->val(), recipe_.model.allow_negative_ids);
  }
  balance_classes(losses_, data_->train(), data_->train_rows(), notes_);
  if (recipe_.augment.mixes()) {
    mix_samples();
  }
}

void Session::check_data_indices(const graph::Graph& graph) const {
  check_indices(graph, data_->train(), recipe_.model.allow_negative_ids);
  if (&data_->val() != &data_->train()) {
    check_indices(graph, data_->val(), recipe_.model.allow_negative_ids);
  }
}

void Session::load_teacher() {
  const graph::OnnxModel model = graph::OnnxModel::load(recipe_.teacher.model);
  teacher_ = std::make_unique<graph::Graph>(model.build_graph(graph::standard_ops()));
  arrange_teacher(*teacher_, model, *imported_, recipe_.model, *reference_);
  settle_teacher_shapes(*teacher_, *imported_);
  arrange_outputs(*teacher_, find_output_places(*teacher_, {}, layout_.one_sample(), *reference_));
  check_data_indices(*teacher_);
  side_files_.push_back(side_model("loss.teacher.model", model));
}

// The target becomes a probability of each class, which the loss must take.
void Session::mix_samples() {
  const bool one = losses_.terms.size() == 1 && losses_.targets.size() == 1;
  TEMPER_CHECK(
      one && has_class_target() && loss_name() == "cross_entropy" && losses_.lead_shape.rank() == 2,
      ErrorCode::kInvalidArgument,
      "augment.mixup and augment.cutmix blend classes, for which there must be one loss, "
      "cross_entropy, with one label per sample, and no weights of samples; the loss is ",
      losses_.lead_term().is_file() ? losses_.lead_term().file : loss_name());
  data_->mix(losses_.labels.front().classes);
  losses_.terms.front().class_target = false;
}

// For prediction: whatever target the data have is left alone.
void Session::open_inputs(DataOptions options) {
  options.require_targets = false;
  more_ = options;
  data_ = std::make_unique<RunData>(recipe_, options, false);
  lengths_ = RunLengths(*imported_, data_->train(), nullptr, recipe_.data, notes_);
  data_->fill_up(lengths_);
  settle_model(data_->train());
  check_data_indices(*imported_);
}

// Fields that are no targets have the names of the model's inputs.
void Session::settle_field_ports() {
  field_ports_.clear();
  for (const Field& field : train_data().fields()) {
    field_ports_.push_back(field.is_target ? losses_.port_of(field)
                                           : input_port(*imported_, field));
  }
}

GraphRequest Session::request(GraphKind kind, std::int64_t batch, std::int64_t length) const {
  GraphRequest request;
  request.kind = kind;
  request.batch = batch;
  const bool steps =
      kind == GraphKind::kTrain || kind == GraphKind::kMicro || kind == GraphKind::kLast;
  if (steps && has_peers(options_.ranks)) {
    const RowShare share = RowShare::of(batch, options_.ranks->rank(), options_.ranks->size());
    request.batch = share.rows;
    request.first_row = share.first;
    request.all_rows = batch;
  }
  request.symbols = lengths_.symbols(length);
  const bool updates = kind == GraphKind::kTrain || kind == GraphKind::kLast;
  request.watch_gradients = updates && (watch_steps_ || recipe_.log.histograms > 0);
  request.watch_activations = updates && watch_steps_;
  return request;
}

std::vector<GraphRequest> Session::requests() const {
  if (lengths_.any()) {
    return requests_of_lengths();
  }
  const std::int64_t size = recipe_.data.batch_size;
  const bool ends_full = recipe_.data.drop_last || batches_per_epoch() * size <= train_count();
  const std::int64_t rest = ends_full ? 0 : train_count() % size;
  std::vector<GraphRequest> list;
  const bool accumulates = recipe_.train.accumulate > 1;
  list.push_back(request(accumulates ? GraphKind::kLast : GraphKind::kTrain, size));
  if (accumulates) {
    list.push_back(request(GraphKind::kMicro, size));
  }
  if (rest > 0) {  // the last batch of an epoch always ends a group
    list.push_back(request(accumulates ? GraphKind::kLast : GraphKind::kTrain, rest));
  }
  if (recipe_.average.refreshes_statistics() && recipe_.model.batchnorm != "frozen") {
    const std::int64_t ordered = std::min(size, train_count());
    list.push_back(request(GraphKind::kStatistics, ordered));
    if (const std::int64_t few = train_count() % ordered; few > 1 && !recipe_.data.drop_last) {
      list.push_back(request(GraphKind::kStatistics, few));
    }
  }
  if (has_validation()) {
    const std::vector<BatchForm> forms = data_->val_forms();
    const std::int64_t limit = recipe_.train.limit_val_batches;
    const bool all = limit == 0 || limit * forms.front().rows > val_count();
    for (const BatchForm& form : forms) {
      if (all || form.rows == forms.front().rows) {
        list.push_back(request(GraphKind::kEvaluate, form.rows));
      }
    }
  }
  return list;
}

void Session::bind(Executor& executor, const Batch& batch) const {
  bind_fields(executor, field_ports_, batch.fields);
  const int continues = executor.plan().input({PortRole::kContinues, 0});
  if (continues >= 0) {
    TEMPER_ASSERT(batch.continues != nullptr, "the batches are no streams");
    executor.bind_input(continues, *batch.continues);
  }
}

}  // namespace temper::training
