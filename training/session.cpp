#include "training/session.h"

#include <algorithm>
#include <numeric>

#include "backends/backends.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/threads.h"
#include "training/data/open_dataset.h"
#include "training/data/split.h"
#include "training/precision.h"

namespace temper::training {
namespace {

Shape row_of(const Shape& batch_shape) {
  Shape row;
  for (int axis = 1; axis < batch_shape.rank(); ++axis) {
    row.push_back(batch_shape[axis]);
  }
  return row;
}

const Field& target_field(const Dataset& data) {
  for (const Field& field : data.fields()) {
    if (field.is_target) {
      return field;
    }
  }
  fail(ErrorCode::kInvalidData, "the data has no target (an array named `target`)");
}

std::size_t target_index(const Dataset& data) {
  for (std::size_t i = 0; i < data.fields().size(); ++i) {
    if (data.fields()[i].is_target) {
      return i;
    }
  }
  return 0;
}

// Dimensions of the inputs without a size and a name, other than the batch, are as in the data.
void bind_unnamed(graph::Graph& graph, const Dataset& data) {
  for (const graph::ValueId id : graph.inputs) {
    graph::Value& input = graph.value(id);
    for (const Field& field : data.fields()) {
      if (field.is_target || field.name != input.name ||
          field.row_shape.rank() + 1 != static_cast<int>(input.dims.size())) {
        continue;
      }
      for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
        graph::Dim& dim = input.dims[axis];
        if (dim.value < 0 && dim.symbol.empty()) {
          dim.value = field.row_shape[static_cast<int>(axis) - 1];
        }
      }
    }
  }
}

}  // namespace

DataOptions data_options(const graph::Graph& graph, const DataSettings& settings) {
  DataOptions options;
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    WantedField field;
    field.name = input.name;
    field.dtype = input.dtype;
    Shape row;
    bool known = input.rank_known && !input.dims.empty();
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      known = known && input.dims[axis].value >= 0;
      row.push_back(input.dims[axis].value);
    }
    if (known) {
      field.row_shape = row;
    }
    options.inputs.push_back(std::move(field));
  }
  options.scale = settings.scale;
  options.table.targets = settings.target;
  options.table.standardize = settings.standardize;
  options.table.categorical = settings.categorical;
  options.table.drop = settings.drop;
  options.table.one_hot = settings.one_hot;
  options.table.fill_missing = settings.fill_missing;
  options.target_path = settings.target_path;
  if (!settings.missing_values.empty()) {
    options.table.csv.missing_values = settings.missing_values;
  }
  options.table.csv.decimal = settings.decimal.front();
  if (!settings.delimiter.empty()) {
    options.table.csv.delimiter = settings.delimiter.front();
  }
  if (settings.header != "auto") {
    options.table.csv.header = settings.header == "yes" ? CsvHeader::kYes : CsvHeader::kNo;
  }
  return options;
}

std::string preprocessing_path(const std::string& model_path) {
  const std::string stem =
      model_path.ends_with(".onnx") ? model_path.substr(0, model_path.size() - 5) : model_path;
  return stem + ".preprocessing.json";
}

Session::~Session() = default;

Session::Session(Recipe recipe, EngineOptions options, SessionNeeds needs)
    : recipe_(std::move(recipe)) {
  TEMPER_CHECK(!recipe_.model.path.empty(), ErrorCode::kInvalidArgument,
               "model.path is not set: which ONNX file?");
  TEMPER_CHECK(!recipe_.data.train.empty(), ErrorCode::kInvalidArgument,
               "data.train is not set: which data?");
  reference_ = make_backend("reference");
  backend_ = make_backend(recipe_.train.device);
  options.threads =
      recipe_.train.threads > 0 ? static_cast<int>(recipe_.train.threads) : available_processors();
  threads_ = options.threads;
  model_ = std::make_unique<graph::OnnxModel>(
      graph::OnnxModel::load(recipe_.model.path, {recipe_.model.external_data_root}));
  imported_ = std::make_unique<graph::Graph>(
      model_->build_graph(graph::standard_ops(), needs.as_variables));
  DataOptions data = data_options(*imported_, recipe_.data);
  const std::string prepared = preprocessing_path(recipe_.model.path);
  if (needs.stored_preprocessing && file_status(prepared).is_regular) {
    data.table.preprocessing = parse_json(read_text_file(prepared, 1 << 24), prepared);
  }
  needs.target ? open_data(data) : open_inputs(data);
  settle_batch_size();
  keep_few_batches();
  CompileSettings settings;
  settings.loss = recipe_.loss;
  settings.optimizer = recipe_.optimizer;
  settings.groups = recipe_.groups;
  settings.clip = recipe_.clip;
  settings.check_finite = recipe_.train.on_nonfinite != "ignore";
  settings.frozen_batchnorm = recipe_.model.batchnorm == "frozen";
  settings.seed = static_cast<std::uint64_t>(recipe_.train.seed);
  settings.freeze = recipe_.model.freeze;
  settings.trainable = recipe_.model.trainable;
  settle_precision(recipe_, *imported_, *backend_, settings, notes_);
  options_ = std::move(options);
  engine_ =
      std::make_unique<Engine>(*imported_, std::move(settings), *backend_, *reference_, options_);
}

void Session::change_trainable(const std::vector<std::string>& freeze) {
  CompileSettings settings = engine_->settings();
  settings.freeze = recipe_.model.freeze;
  settings.freeze.insert(settings.freeze.end(), freeze.begin(), freeze.end());
  const bool holds_values = engine_->store().allocated();
  auto changed =
      std::make_unique<Engine>(*imported_, std::move(settings), *backend_, *reference_, options_);
  if (holds_values) {
    changed->prepare(requests());
    const VariableStore& before = engine_->store();
    for (int i = 0; i < before.count(); ++i) {
      const int same = changed->store().find(before.variable(i).name);
      if (same >= 0) {
        changed->store().set(same, before.get(i));
      }
    }
  }
  engine_ = std::move(changed);
}

// Symbolic dimensions of the inputs, other than the batch, as the data's rows have them.
std::map<std::string, std::int64_t> Session::symbols_of(const Dataset& data) const {
  std::map<std::string, std::int64_t> symbols;
  for (const graph::ValueId id : imported_->inputs) {
    const graph::Value& input = imported_->value(id);
    for (const Field& field : data.fields()) {
      if (field.is_target || field.name != input.name ||
          field.row_shape.rank() + 1 != static_cast<int>(input.dims.size())) {
        continue;
      }
      for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
        if (input.dims[axis].value < 0 && !input.dims[axis].symbol.empty()) {
          symbols[input.dims[axis].symbol] = field.row_shape[static_cast<int>(axis) - 1];
        }
      }
    }
  }
  return symbols;
}

// The shape of the output the loss reads for a batch of 2, found without choosing kernels.
Shape Session::output_shape(const Dataset& probe, DType& dtype) {
  bind_unnamed(*imported_, probe);
  symbols_ = symbols_of(probe);
  GraphRequest request;
  request.kind = GraphKind::kPredict;
  request.batch = 2;
  request.symbols = symbols_;
  const graph::Graph forward = [&] {
    try {
      return make_graph(*imported_, {}, request, *reference_);
    } catch (Error& error) {
      error.add_note(concat("while compiling ", recipe_.model.path));
      throw;
    }
  }();
  const bool first = recipe_.loss.outputs.empty();
  const std::string wanted = first ? std::string{} : "output:" + recipe_.loss.outputs.front();
  for (const auto& output : forward.outputs) {
    if (first || output.name == wanted) {
      loss_output_ = output.name;
      dtype = forward.value(output.value).dtype;
      return forward.value(output.value).shape;
    }
  }
  fail(ErrorCode::kInvalidArgument, "the model has no output '", recipe_.loss.outputs.front(), "'");
}

void Session::infer_loss(const Field& target, const Shape& output) {
  if (recipe_.loss.loss.name.empty()) {
    const bool one_output = output.rank() == 2 && output[1] == 1;
    recipe_.loss.loss.name = !is_integer(target.dtype) ? "mse"
                             : one_output              ? "bce_with_logits"
                                                       : "cross_entropy";
    recipe_.loss.loss.parameters = complete_parameters(
        "loss", recipe_.loss.loss.name, find_loss(recipe_.loss.loss.name).parameters, {});
    recipe_.origins["loss.name"] = "inferred from the target";
    notes_.push_back(concat("loss.name = \"", recipe_.loss.loss.name, "\" (the target is ",
                            target.dtype, target.row_shape, " per sample)"));
  }
  loss_ = &find_loss(recipe_.loss.loss.name);
}

void Session::open_data(const DataOptions& wanted) {
  DataOptions options = wanted;
  DataOptions probing = wanted;
  probing.require_finite = false;
  const std::unique_ptr<Dataset> probe = open_dataset(recipe_.data.train, probing);
  const Field& found = target_field(*probe);
  DType dtype = DType::kUndefined;
  const Shape output = output_shape(*probe, dtype);
  infer_loss(found, output);
  const TargetSpec spec =
      target_spec(*loss_, dtype, output, is_integer(found.dtype), found.row_shape.rank() + 1);
  recipe_.loss.class_target = spec.classes;
  if (!has_class_target() && !(found.row_shape == row_of(spec.shape))) {
    fail(ErrorCode::kInvalidArgument, "the model's output is [N", output.rank() > 1 ? "," : "",
         join(row_of(output).dims(), ","), "], the target [N",
         found.row_shape.rank() > 0 ? "," : "", join(found.row_shape.dims(), ","),
         "]: ", loss_->name, " needs equal shapes; reshape '", found.name, "' of ",
         recipe_.data.train, " to (-1", output.rank() > 1 ? ", " : "",
         join(row_of(output).dims(), ", "), ")");
  }
  WantedField target;
  target.name = found.name;
  target.dtype = spec.dtype;
  target.row_shape = row_of(spec.shape);
  options.targets = {target};
  train_data_ = open_dataset(recipe_.data.train, options);
  split_data();
  if (!recipe_.data.val.empty()) {  // after fit(): it is prepared as the training rows are
    options.table.preprocessing = train_data_->preprocessing();
    val_data_ = open_dataset(recipe_.data.val, options);
    val_rows_.resize(static_cast<std::size_t>(val_data_->count()));
    std::iota(val_rows_.begin(), val_rows_.end(), std::int64_t{0});
  }
  if (has_class_target()) {
    const std::int64_t ignored = recipe_.loss.loss.parameters.get_int("ignore_index", -100);
    check_labels(*train_data_, target_index(*train_data_), output[1], ignored);
    if (val_data_ != nullptr) {
      check_labels(*val_data_, target_index(*val_data_), output[1], ignored);
    }
  }
}

// For prediction: whatever target the data have is left alone.
void Session::open_inputs(DataOptions options) {
  options.require_targets = false;
  train_data_ = open_dataset(recipe_.data.train, options);
  split_data();
  bind_unnamed(*imported_, *train_data_);
  symbols_ = symbols_of(*train_data_);
}

void Session::split_data() {
  const std::int64_t count = train_data_->count();
  if (recipe_.data.val.empty() && recipe_.data.val_split > 0) {
    const auto seed = static_cast<std::uint64_t>(recipe_.data.seed);
    const std::size_t target = target_index(*train_data_);
    const bool labels = recipe_.data.stratify && has_class_target() &&
                        train_data_->fields()[target].row_shape.rank() == 0;
    Split split =
        labels ? split_rows_stratified(train_data_->labels(target), recipe_.data.val_split, seed)
               : split_rows(count, recipe_.data.val_split, seed);
    train_rows_ = std::move(split.train);
    val_rows_ = std::move(split.val);
  } else {
    train_rows_.resize(static_cast<std::size_t>(count));
    std::iota(train_rows_.begin(), train_rows_.end(), std::int64_t{0});
  }
  train_data_->fit(train_rows_);
}

// train.overfit_batches: the rows of the first batches, to train on and to validate on.
void Session::keep_few_batches() {
  const std::int64_t batches = recipe_.train.overfit_batches;
  if (batches == 0) {
    return;
  }
  const std::int64_t wanted = std::min(batches * recipe_.data.batch_size, train_count());
  const SamplerOptions order{recipe_.data.shuffle, static_cast<std::uint64_t>(recipe_.data.seed)};
  const Sampler sampler(train_rows_, order);
  const Sampler::Epoch first = sampler.epoch(0);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < wanted; ++i) {
    rows.push_back(first.row(i));
  }
  train_rows_ = rows;
  val_rows_ = std::move(rows);
  val_data_.reset();
  recipe_.data.shuffle = false;
  notes_.push_back(concat("train.overfit_batches = ", batches, ": ", wanted,
                          " samples, in one order, to train on and to validate on"));
}

void Session::settle_batch_size() {
  if (recipe_.data.batch_size <= train_count()) {
    return;
  }
  TEMPER_CHECK(!recipe_.data.batch_size_given, ErrorCode::kInvalidArgument, "data.batch_size is ",
               recipe_.data.batch_size, ", but there are only ", train_count(),
               " training samples in ", recipe_.data.train, "; write ", train_count(),
               " or less, or leave it out");
  notes_.push_back(
      concat("data.batch_size = ", train_count(), " (the training set has no more samples)"));
  recipe_.data.batch_size = train_count();
}

std::unique_ptr<BatchLoader> Session::make_train_loader(DataPosition start) const {
  LoaderOptions options;
  options.batch_size = recipe_.data.batch_size;
  options.drop_last = recipe_.data.drop_last;
  options.limit_batches = recipe_.train.limit_batches;
  const SamplerOptions order{recipe_.data.shuffle, static_cast<std::uint64_t>(recipe_.data.seed)};
  return std::make_unique<BatchLoader>(*train_data_, Sampler(train_rows_, order), options, start);
}

std::unique_ptr<BatchLoader> Session::make_val_loader() const {
  LoaderOptions options;
  options.batch_size = std::min(recipe_.data.batch_size, val_count());
  options.single_epoch = true;
  options.limit_batches = recipe_.train.limit_val_batches;
  const Dataset& data = val_data_ == nullptr ? *train_data_ : *val_data_;
  return std::make_unique<BatchLoader>(data, Sampler(val_rows_, SamplerOptions{false, 0}), options);
}

std::unique_ptr<BatchLoader> Session::make_ordered_loader(std::int64_t batch_size) const {
  LoaderOptions options;
  options.batch_size = std::min(batch_size, train_count());
  options.single_epoch = true;
  return std::make_unique<BatchLoader>(*train_data_, Sampler(train_rows_, SamplerOptions{false, 0}),
                                       options);
}

std::int64_t Session::batches_per_epoch() const {
  const std::int64_t size = recipe_.data.batch_size;
  const std::int64_t all =
      recipe_.data.drop_last ? train_count() / size : (train_count() + size - 1) / size;
  const std::int64_t limit = recipe_.train.limit_batches;
  return limit > 0 ? std::min(limit, all) : all;
}

GraphRequest Session::request(GraphKind kind, std::int64_t batch) const {
  GraphRequest request;
  request.kind = kind;
  request.batch = batch;
  request.symbols = symbols_;
  const bool updates = kind == GraphKind::kTrain || kind == GraphKind::kLast;
  request.watch_gradients = updates && recipe_.log.histograms > 0;
  return request;
}

std::vector<GraphRequest> Session::requests() const {
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
  if (has_validation()) {
    const std::int64_t val_size = std::min(size, val_count());
    list.push_back(request(GraphKind::kEvaluate, val_size));
    const std::int64_t limit = recipe_.train.limit_val_batches;
    if (val_count() % val_size > 0 && (limit == 0 || limit * val_size > val_count())) {
      list.push_back(request(GraphKind::kEvaluate, val_count() % val_size));
    }
  }
  return list;
}

void Session::bind(Executor& executor, const Batch& batch) const {
  const std::vector<Field>& fields = train_data_->fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const int input = executor.plan().find_input(
        fields[i].is_target ? kTargetInput : std::string_view(fields[i].name));
    if (input >= 0) {
      executor.bind_input(input, batch.fields[i].data());
    }
  }
}

std::string Session::data_fingerprint() const {
  return val_data_ == nullptr ? train_data_->fingerprint()
                              : concat(train_data_->fingerprint(), "+", val_data_->fingerprint());
}

}  // namespace temper::training
