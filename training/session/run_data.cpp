#include "training/session/run_data.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/threads.h"
#include "training/data/mixed_dataset.h"
#include "training/data/parallel_dataset.h"
#include "training/data/sampling_weights.h"
#include "training/data/split.h"
#include "training/session/carrying.h"

namespace temper::training {
namespace {

std::vector<std::int64_t> all_rows(const Dataset& data) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(data.count()));
  std::iota(rows.begin(), rows.end(), std::int64_t{0});
  return rows;
}

// Whether the first target is one class index per row.
bool has_labels(const Dataset& data) {
  for (const Field& field : data.fields()) {
    if (field.is_target) {
      return is_integer(field.dtype) && field.row_shape.rank() == 0;
    }
  }
  return false;
}

// Sizes that differ from row to row are settled for both later.
bool same_rows(const Field& a, const Field& b) {
  Shape x = a.row_shape;
  if (a.ragged_axis >= 0 && a.ragged_axis == b.ragged_axis && x.rank() == b.row_shape.rank()) {
    x[a.ragged_axis] = b.row_shape[b.ragged_axis];
  }
  return x == b.row_shape;
}

// Batches of both are bound to one plan's inputs.
void check_alike(const Dataset& train, const Dataset& val) {
  const std::vector<Field>& wanted = train.fields();
  const std::vector<Field>& given = val.fields();
  TEMPER_CHECK(wanted.size() == given.size(), ErrorCode::kInvalidData, "the training data have ",
               wanted.size(), " inputs and targets, the validation data ", given.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    TEMPER_CHECK(wanted[i].name == given[i].name && wanted[i].dtype == given[i].dtype &&
                     same_rows(wanted[i], given[i]),
                 ErrorCode::kInvalidData, val.where(i, 0), " is ", given[i].dtype,
                 given[i].row_shape, ", but ", train.where(i, 0), " of the training data is ",
                 wanted[i].dtype, wanted[i].row_shape,
                 ": validation data need rows of the same shape and type");
  }
}

}  // namespace

std::size_t target_index(const Dataset& data) {
  for (std::size_t i = 0; i < data.fields().size(); ++i) {
    if (data.fields()[i].is_target) {
      return i;
    }
  }
  fail(ErrorCode::kInvalidData, "the data has no target (an array named `target`)");
}

RunData::RunData(const Recipe& recipe, DataOptions options, bool validates)
    : recipe_(recipe), validates_(validates), carries_(carries_states(recipe.model)) {
  train_ = open_dataset(recipe_.data.train, options);
  check_carrying();
  split(validates && recipe_.data.stratify && has_labels(*train_));
  train_->fit(train_rows_);
  train_ = read_by_workers(std::move(train_));
  if (!recipe_.data.val.empty() && validates) {
    // After fit(): it is prepared as the training rows are.
    options.preprocessing = train_->preprocessing();
    options.part = DataPart::kValidation;
    options.augment.resized_crop = false;  // nothing is changed at random
    val_ = read_by_workers(open_dataset(recipe_.data.val, options));
    check_alike(*train_, *val_);
    val_rows_ = all_rows(*val_);
  }
}

std::unique_ptr<Dataset> RunData::read_by_workers(std::unique_ptr<Dataset> data) const {
  const bool takes_work = data->decodes() || recipe_.augment.is_on();
  const auto workers = recipe_.data.workers > 0 ? static_cast<int>(recipe_.data.workers)
                       : takes_work             ? available_processors()
                                                : 1;
  return workers == 1 ? std::move(data)
                      : std::make_unique<ParallelDataset>(std::move(data), workers);
}

void RunData::split(bool by_class) {
  if (!recipe_.data.val.empty() || recipe_.data.val_split == 0) {
    train_rows_ = all_rows(*train_);
    return;
  }
  const auto seed = static_cast<std::uint64_t>(recipe_.data.seed);
  const double held_out = recipe_.data.val_split;
  const std::string& how = recipe_.data.split;
  const bool in_time = how == "time" || (how == "auto" && (carries_ || train_->rows_apart() > 0));
  const std::int64_t apart = std::max<std::int64_t>(train_->rows_apart(), 1);
  Split split = in_time && !recipe_.data.sequence.empty()
                    ? split_sequences_in_order(train_->sequences(), held_out, apart)
                : in_time ? split_rows_in_order(train_->count(), held_out, apart)
                : by_class
                    ? split_rows_stratified(train_->labels(target_index(*train_)), held_out, seed)
                    : split_rows(train_->count(), held_out, seed);
  train_rows_ = std::move(split.train);
  val_rows_ = std::move(split.val);
}

void RunData::mix(std::int64_t classes) {
  const MixOptions options{recipe_.augment.mixup, recipe_.augment.cutmix, classes,
                           static_cast<std::uint64_t>(recipe_.data.seed)};
  train_ = std::make_unique<MixedDataset>(std::move(train_), options);
  if (val_ != nullptr) {
    val_ = std::make_unique<MixedDataset>(std::move(val_), options);
  }
}

void RunData::replace(const MakeData& make) {
  std::vector<std::int64_t> rows = train_rows_;
  if (val_ == nullptr) {
    rows.insert(rows.end(), val_rows_.begin(), val_rows_.end());
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  train_ = make(std::move(train_), rows);
  if (val_ != nullptr) {
    val_ = make(std::move(val_), val_rows_);
  }
}

// Those of the target; where the data need none and have none, of an input that is a label.
std::vector<std::int64_t> RunData::classes_of_rows() const {
  const std::vector<Field>& fields = train_->fields();
  const auto is_target = [](const Field& field) { return field.is_target; };
  const auto is_label = [](const Field& field) {
    return is_integer(field.dtype) && field.row_shape.element_count() == 1;
  };
  auto found = std::find_if(fields.begin(), fields.end(), is_target);
  found = found == fields.end() ? std::find_if(fields.begin(), fields.end(), is_label) : found;
  TEMPER_CHECK(found != fields.end(), ErrorCode::kInvalidArgument,
               "data.sampling = \"balanced\" needs a class for each row, but ", recipe_.data.train,
               " has neither a target nor an input of class indices");
  const std::vector<std::int64_t> all =
      train_->labels(static_cast<std::size_t>(found - fields.begin()));
  std::vector<std::int64_t> classes;
  for (const std::int64_t row : train_rows_) {
    classes.push_back(all[static_cast<std::size_t>(row)]);
  }
  return classes;
}

SamplerOptions RunData::training_order() const {
  const DataSettings& data = recipe_.data;
  SamplerOptions order{data.shuffle, static_cast<std::uint64_t>(data.seed), {}};
  if (data.sampling == "weighted") {
    TEMPER_CHECK(!data.sampling_weights.empty(), ErrorCode::kInvalidArgument,
                 "data.sampling = \"weighted\" needs data.sampling_weights, a .npy file with one "
                 "number per training row");
    order.weights = read_sampling_weights(data.sampling_weights, train_->count(), train_rows_);
  } else if (data.sampling == "balanced") {
    order.weights = balanced_weights(classes_of_rows());
  }
  return order;
}

void RunData::fill_up(const RunLengths& lengths) {
  lengths.settle(*train_);
  train_buckets_ = lengths.buckets_of(*train_);
  epoch_.reset();
  if (val_ != nullptr) {
    lengths.settle(*val_);
  }
  val_buckets_ = lengths.buckets_of(val());
  TEMPER_CHECK(!lengths.any() || !carries_, ErrorCode::kUnsupported,
               "model.input.NAME.carry goes on where a sample ended, but these samples differ in "
               "length: give windows of one length, or leave it out");
  TEMPER_CHECK(!lengths.any() || recipe_.data.sampling == "all", ErrorCode::kUnsupported,
               "data.sampling = \"", recipe_.data.sampling,
               "\" draws rows again and again, but samples that differ in length come once an "
               "epoch, bucket by bucket: leave it out");
}

void RunData::settle(Recipe& recipe, std::vector<std::string>& notes) {
  TEMPER_ASSERT(&recipe == &recipe_, "another recipe than the data are of");
  epoch_.reset();
  DataSettings& data = recipe.data;
  if (data.batch_size > train_count()) {
    TEMPER_CHECK(!data.batch_size_given, ErrorCode::kInvalidArgument, "data.batch_size is ",
                 data.batch_size, ", but there are only ", train_count(), " training samples in ",
                 data.train,
                 val_count() > 0 && data.val.empty()
                     ? concat(" (", train_count() + val_count(),
                              " rows, of which data.val_split = ", data.val_split, " holds out ",
                              val_count(), ")")
                     : "",
                 "; write ", train_count(), " or less, or leave it out");
    notes.push_back(
        concat("data.batch_size = ", train_count(), " (the training set has no more samples)"));
    data.batch_size = train_count();
  }
  if (const std::int64_t batches = recipe.train.overfit_batches; batches > 0) {
    const std::int64_t kept = keep_few_batches(batches);
    data.shuffle = false;
    notes.push_back(concat("train.overfit_batches = ", batches, ": ", kept,
                           " samples, in one order, to train on",
                           validates_ ? " and to validate on" : ""));
  }
}

std::int64_t RunData::keep_few_batches(std::int64_t batches) {
  std::vector<std::int64_t> rows =
      first_rows(batches * recipe_.data.batch_size,
                 {recipe_.data.shuffle, static_cast<std::uint64_t>(recipe_.data.seed)});
  train_rows_ = rows;
  val_rows_ = std::move(rows);
  val_.reset();
  return train_count();
}

std::vector<std::int64_t> RunData::first_rows(std::int64_t count,
                                              const SamplerOptions& order) const {
  const Sampler sampler(train_rows_, order);
  const Sampler::Epoch first = sampler.epoch(0);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < std::min(count, train_count()); ++i) {
    rows.push_back(first.row(i));
  }
  return rows;
}

void RunData::check_carrying() const {
  TEMPER_CHECK(!carries_ || train_->rows_adjoin(), ErrorCode::kInvalidArgument, "the samples of ",
               recipe_.data.train,
               " overlap, but model.input.NAME.carry goes on from one to the next: leave "
               "data.stride out");
}

void RunData::cut_streams(std::vector<std::string>& notes) {
  if (!carries_) {
    return;
  }
  const std::int64_t size = recipe_.data.batch_size;
  const std::int64_t length = train_count() / size;
  const std::int64_t left = train_count() % size;
  notes.push_back(concat(
      "batches go along ", size, size == 1 ? " stream of " : " streams of ", length,
      " samples, one after the other in time",
      left > 0 ? concat("; the last ", left, " are left out, as the streams are of equal length")
               : ""));
  train_rows_.resize(static_cast<std::size_t>(length * size));
  epoch_.reset();
}

std::optional<Streams> RunData::whole_streams(const Dataset& data,
                                              std::span<const std::int64_t> rows,
                                              std::int64_t batch_size) const {
  return carries_ ? std::optional(Streams::whole(rows, data.sequences(), batch_size))
                  : std::nullopt;
}

namespace {

std::vector<BatchForm> forms_of(const Streams& streams) {
  std::vector<BatchForm> forms;
  for (const std::int64_t rows : streams.sizes()) {
    forms.push_back({rows, 0});
  }
  return forms;
}

}  // namespace

std::vector<BatchForm> RunData::train_forms() const {
  return batch_forms(train_buckets_, rows_of_buckets(train_buckets_, train_rows_),
                     recipe_.data.batch_size, drops_last());
}

std::vector<BatchForm> RunData::val_forms() const {
  if (val_rows_.empty()) {
    return {};
  }
  if (carries_) {
    return forms_of(*whole_streams(val(), val_rows_, recipe_.data.batch_size));
  }
  return batch_forms(val_buckets_, rows_of_buckets(val_buckets_, val_rows_),
                     std::min(recipe_.data.batch_size, val_count()), false);
}

std::vector<BatchForm> RunData::ordered_forms(std::int64_t batch_size) const {
  if (carries_) {
    return forms_of(*whole_streams(*train_, train_rows_, batch_size));
  }
  return batch_forms(train_buckets_, rows_of_buckets(train_buckets_, train_rows_),
                     std::min(batch_size, train_count()), false);
}

const EpochBatches& RunData::epoch_batches() const {
  if (!epoch_.has_value()) {
    epoch_ = training::epoch_batches(rows_of_buckets(train_buckets_, train_rows_),
                                     recipe_.data.batch_size, drops_last());
    epoch_->limit = recipe_.train.limit_batches;
  }
  return *epoch_;
}

std::unique_ptr<BatchLoader> RunData::make_train_loader(DataPosition start, int rank,
                                                        int ranks) const {
  LoaderOptions options;
  options.rank = rank;
  options.ranks = ranks;
  options.batch_size = recipe_.data.batch_size;
  options.drop_last = drops_last();
  options.training = true;
  options.limit_batches = recipe_.train.limit_batches;
  options.buckets = &train_buckets_;
  if (carries_) {
    options.streams = Streams::cut(train_rows_, train_->sequences(), options.batch_size);
    return std::make_unique<BatchLoader>(
        *train_, Sampler(options.streams->rows(), SamplerOptions{false, 0}), options, start);
  }
  return std::make_unique<BatchLoader>(*train_, Sampler(train_rows_, training_order()), options,
                                       start);
}

std::unique_ptr<BatchLoader> RunData::loader_once(const Dataset& data,
                                                  const std::vector<std::int64_t>& rows,
                                                  LoaderOptions options) const {
  options.batch_size = std::min(options.batch_size, static_cast<std::int64_t>(rows.size()));
  options.single_epoch = true;
  options.streams = whole_streams(data, rows, options.batch_size);
  const std::vector<std::int64_t>& order = options.streams ? options.streams->rows() : rows;
  return std::make_unique<BatchLoader>(data, Sampler(order, SamplerOptions{false, 0}), options);
}

std::unique_ptr<BatchLoader> RunData::make_val_loader() const {
  LoaderOptions options;
  options.batch_size = recipe_.data.batch_size;
  options.limit_batches = recipe_.train.limit_val_batches;
  options.buckets = &val_buckets_;
  return loader_once(val(), val_rows_, options);
}

std::unique_ptr<BatchLoader> RunData::make_ordered_loader(std::int64_t batch_size) const {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.buckets = &train_buckets_;
  return loader_once(*train_, train_rows_, options);
}

std::unique_ptr<BatchLoader> RunData::make_sample_loader(std::int64_t samples,
                                                         std::int64_t batch_size) const {
  LoaderOptions options;
  options.batch_size = batch_size;
  options.buckets = &train_buckets_;
  const std::vector<std::int64_t> rows =
      carries_ ? train_rows_
               : first_rows(samples, {true, static_cast<std::uint64_t>(recipe_.data.seed)});
  return loader_once(*train_, rows, options);
}

std::unique_ptr<BatchLoader> RunData::make_whole_loader() const {
  LoaderOptions options;
  options.batch_size = train_count();
  options.single_epoch = true;
  return std::make_unique<BatchLoader>(*train_, Sampler(train_rows_, SamplerOptions{false, 0}),
                                       options);
}

std::vector<SideFile> RunData::files() const {
  const std::string& target = recipe_.data.target_path;
  const std::string with = target.empty() ? "" : concat("' with '", target);
  std::vector<SideFile> files = {{"data.train", recipe_.data.train + with, train_->fingerprint()}};
  if (val_ != nullptr) {
    files.push_back({"data.val", recipe_.data.val + with, val_->fingerprint()});
  }
  const std::string& weights = recipe_.data.sampling_weights;
  if (recipe_.data.sampling == "weighted" && !weights.empty()) {
    files.push_back(side_file("data.sampling_weights", weights));
  }
  return files;
}

}  // namespace temper::training
