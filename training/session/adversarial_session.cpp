#include "training/session/adversarial_session.h"

#include <algorithm>

#include "graph/onnx/export.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/data/batch_tensors.h"
#include "training/data/open_dataset.h"
#include "training/recipe/key_effects.h"
#include "training/session/data_options.h"
#include "training/session/input_ranges.h"
#include "training/session/input_shapes.h"
#include "training/session/model_metadata.h"
#include "training/session/run_device.h"
#include "training/session/what_trains.h"

namespace temper::training {
namespace {

graph::OnnxModel load(const std::string& path, const char* key, const Recipe& recipe) {
  TEMPER_CHECK(!path.empty(), ErrorCode::kInvalidArgument, key, " is not set: which ONNX file?");
  return graph::OnnxModel::load(path, {recipe.model.external_data_root});
}

// Inputs that both models leave to the data, each asked for once.
DataOptions wanted_data(const graph::Graph& generator, const graph::Graph& discriminator,
                        const Wiring& wiring, const Recipe& recipe) {
  DataOptions options = data_options(discriminator, recipe);
  for (const WantedField& field : data_options(generator, recipe).inputs) {
    const bool known =
        std::any_of(options.inputs.begin(), options.inputs.end(),
                    [&](const WantedField& other) { return other.name == field.name; });
    if (field.name != wiring.latent && !known) {
      options.inputs.push_back(field);
    }
  }
  options.require_targets = false;
  return options;
}

// The rows whose conditions samples are drawn under: a column of pictures for each class where one
// of the conditions is a label, else the first rows.
std::vector<std::int64_t> rows_to_show(const Dataset& data, const Wiring& wiring,
                                       std::int64_t side) {
  std::map<std::int64_t, std::int64_t> first_of;  // label -> its first row
  for (std::size_t f = 0; f < data.fields().size() && first_of.empty(); ++f) {
    const Field& field = data.fields()[f];
    const auto& names = wiring.conditions;
    if (!field.is_target && std::find(names.begin(), names.end(), field.name) != names.end() &&
        is_integer(field.dtype) && field.row_shape.element_count() == 1) {
      const std::vector<std::int64_t> labels = data.labels(f);
      for (std::size_t row = 0; row < labels.size(); ++row) {
        first_of.emplace(labels[row], static_cast<std::int64_t>(row));
      }
    }
  }
  std::vector<std::int64_t> of_classes;
  for (const auto& [label, row] : first_of) {
    of_classes.push_back(row);
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < side * side; ++i) {
    rows.push_back(of_classes.empty()
                       ? i % data.count()
                       : of_classes[static_cast<std::size_t>(i % side) % of_classes.size()]);
  }
  return rows;
}

}  // namespace

std::vector<SideFile> AdversarialSession::files() const {
  std::vector<SideFile> files = data_->files();
  files.push_back(side_model("models.generator.path", *generator_));
  files.push_back(side_model("models.discriminator.path", *discriminator_));
  return files;
}

AdversarialSession::AdversarialSession(Recipe recipe, EngineOptions options)
    : recipe_(std::move(recipe)) {
  TEMPER_CHECK(!recipe_.data.train.empty(), ErrorCode::kInvalidArgument,
               "data.train is not set: which data?");
  notes_ = check_effects(recipe_, {data_format(recipe_)});
  RunDevice device = open_device(recipe_.train, options, notes_);
  reference_ = std::move(device.reference);
  backend_ = std::move(device.backend);
  threads_ = options.threads;
  const AdversarialSettings& adversarial = recipe_.adversarial;
  generator_ = std::make_unique<graph::OnnxModel>(
      load(adversarial.generator.model, "models.generator.path", recipe_));
  discriminator_ = std::make_unique<graph::OnnxModel>(
      load(adversarial.discriminator.model, "models.discriminator.path", recipe_));
  std::vector<graph::TensorDecision> of_generator;
  std::vector<graph::TensorDecision> of_discriminator;
  graph::Graph generator = generator_->build_graph(graph::standard_ops(), {}, &of_generator);
  graph::Graph discriminator =
      discriminator_->build_graph(graph::standard_ops(), {}, &of_discriminator);
  open_data(generator, discriminator);
  AdversarialCompileSettings settings;
  settings.adversarial = adversarial;
  settings.generator = compile_settings(adversarial.generator);
  settings.generator.average = recipe_.average;
  settings.discriminator = compile_settings(adversarial.discriminator);
  for (const auto& [path, graph] : {std::pair(adversarial.generator.model, &generator),
                                    std::pair(adversarial.discriminator.model, &discriminator)}) {
    const std::string note = training_form_note(path, *graph);
    if (!note.empty()) {
      notes_.push_back(note);
    }
  }
  notes_.push_back(concat("generator: ", what_trains(generator, of_generator, settings.generator)));
  notes_.push_back(concat("discriminator: ",
                          what_trains(discriminator, of_discriminator, settings.discriminator)));
  graphs_ = std::make_unique<AdversarialGraphs>(std::move(generator), std::move(discriminator),
                                                std::move(settings), *reference_);
  settle_field_ports();
  plans_ = std::make_unique<PlanSet>(*backend_, *reference_, std::move(options));
}

// As AdversarialGraphs numbers its inputs.
void AdversarialSession::settle_field_ports() {
  std::vector<std::string> names = wiring().conditions;
  names.insert(names.begin(), wiring().sample);
  for (const Field& field : data_->train().fields()) {
    const auto found = std::find(names.begin(), names.end(), field.name);
    field_ports_.push_back(
        field.is_target || found == names.end()
            ? std::nullopt
            : std::optional(Port{PortRole::kModelInput, static_cast<int>(found - names.begin())}));
  }
}

CompileSettings AdversarialSession::compile_settings(const AdversarialSide& side) const {
  CompileSettings settings;
  settings.optimizer = side.optimizer;
  settings.clip = side.clip;
  settings.model = recipe_.model;
  settings.train = recipe_.train;
  return settings;
}

const AdversarialSide& AdversarialSession::side(AdversarialGraphKind kind) const {
  const AdversarialSettings& adversarial = recipe_.adversarial;
  return kind == AdversarialGraphKind::kGenerator ? adversarial.generator
                                                  : adversarial.discriminator;
}

const CompileSettings& AdversarialSession::settings(AdversarialGraphKind kind) const {
  const AdversarialCompileSettings& all = graphs_->settings();
  return kind == AdversarialGraphKind::kGenerator ? all.generator : all.discriminator;
}

void AdversarialSession::open_data(graph::Graph& generator, graph::Graph& discriminator) {
  const Wiring wiring = wire(generator, discriminator, recipe_.adversarial.latent);
  data_ = std::make_unique<RunData>(recipe_, wanted_data(generator, discriminator, wiring, recipe_),
                                    false);
  data_->leave_out_short_batches();  // a step has one batch size
  const Dataset& data = data_->train();
  settle_input_shapes(discriminator, data);
  settle_input_shapes(generator, data, wiring.latent);
  check_indices(discriminator, data, recipe_.model.allow_negative_ids);
  check_indices(generator, data, recipe_.model.allow_negative_ids);
  data_->settle(recipe_, notes_);
  note_short_batch();
  const std::int64_t side = recipe_.adversarial.sample_grid;
  const std::vector<std::int64_t> shown = rows_to_show(data, wiring, side);
  sample_fields_ = batch_tensors(data, side * side);
  data.read(shown, sample_fields_);
}

void AdversarialSession::note_short_batch() {
  const std::int64_t size = recipe_.data.batch_size;
  const std::int64_t rest = data_->train_count() % size;
  if (!recipe_.data.drop_last && rest > 0) {
    notes_.push_back(concat("data.drop_last = true: every step of two models has ", size,
                            " rows, so each epoch leaves out ", rest, " of ", data_->train_count(),
                            " samples"));
  }
}

std::int64_t AdversarialSession::batch_of(AdversarialGraphKind kind) const {
  const std::int64_t side = recipe_.adversarial.sample_grid;
  return kind == AdversarialGraphKind::kSample ? side * side : recipe_.data.batch_size;
}

bool AdversarialSession::clips_weights() const {
  return graphs_->settings().adversarial.loss.parameters.get_double(kWeightClip, 0) > 0;
}

MemoryPlan AdversarialSession::prepare() {
  if (!plans_->store().allocated()) {
    std::vector<AdversarialGraphKind> kinds = {AdversarialGraphKind::kDiscriminator,
                                               AdversarialGraphKind::kGenerator,
                                               AdversarialGraphKind::kSample};
    if (clips_weights()) {
      kinds.push_back(AdversarialGraphKind::kClipWeights);
    }
    for (const AdversarialGraphKind kind : kinds) {
      plans_->plan(to_string(kind), [&] { return graphs_->make(kind, batch_of(kind)); });
    }
    plans_->allocate();
  }
  return plans_->memory();
}

graph::RecomputationReport AdversarialSession::recomputed(AdversarialGraphKind kind) const {
  return plans_->recomputed(to_string(kind));
}

HeldExecutor AdversarialSession::executor(AdversarialGraphKind kind) {
  return plans_->executor(to_string(kind), [&] { return graphs_->make(kind, batch_of(kind)); });
}

void AdversarialSession::bind(Executor& executor, const Batch& batch) const {
  bind_fields(executor, field_ports_, batch.fields);
}

Tensor AdversarialSession::sample() {
  const HeldExecutor held = executor(AdversarialGraphKind::kSample);
  Executor& plan = *held;
  bind_fields(plan, field_ports_, sample_fields_);
  plan.run();
  const Tensor& made = plan.read_output(plan.plan().output(PortRole::kSamples));
  return Tensor::from<double>(made.dtype(), made.shape(), made.values<double>());
}

void AdversarialSession::export_model(const graph::OnnxModel& model, int number,
                                      const std::string& path) const {
  const graph::Graph graph = model.build_graph(graph::standard_ops());
  std::map<std::string, PlainValue> values;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    VariableIdentity identity = variable.identity;
    identity.model = number;
    const int stored = plans_->store().find(identity);
    if (stored >= 0) {
      values[variable.name] = plans_->store().pieces(stored);
    }
  }
  graph::export_model(model, values, path, {kMetadataPrefix, {}});  // what it was before
}

std::int64_t AdversarialSession::export_bytes() const {
  return std::max(graph::export_bytes(*generator_), graph::export_bytes(*discriminator_));
}

std::pair<std::string, std::string> AdversarialSession::export_models(
    const std::string& folder) const {
  const std::pair<std::string, std::string> paths = {join_path(folder, "generator.onnx"),
                                                     join_path(folder, "discriminator.onnx")};
  export_model(*generator_, kGeneratorModel, paths.first);
  export_model(*discriminator_, kDiscriminatorModel, paths.second);
  return paths;
}

}  // namespace temper::training
