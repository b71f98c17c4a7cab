// The data of a run: the training set, the validation set (a file of its own or rows held out), and
// the loaders over them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "training/data/batch_loader.h"
#include "training/data/bucket_order.h"
#include "training/data/dataset.h"
#include "training/data/open_dataset.h"
#include "training/objective/side_files.h"
#include "training/recipe/recipe.h"
#include "training/session/run_lengths.h"

namespace temper::training {

// The place of the data's first target among the fields. THROWS: kInvalidData when there is none.
std::size_t target_index(const Dataset& data);

class RunData {
 public:
  // Opens and splits what [data] of `recipe` names. `validates`: data.val is opened, and a split
  // may keep each class's share. `recipe` must outlive this and gives the batch size.
  // THROWS: as open_dataset().
  RunData(const Recipe& recipe, DataOptions options, bool validates);

  // Every batch has data.batch_size rows, whatever data.drop_last says. Before any loader is made.
  void leave_out_short_batches() {
    whole_batches_ = true;
    epoch_.reset();
  }

  // Samples of different lengths are filled up as `lengths` says. Before any loader is made.
  // THROWS: kInvalidArgument, kInvalidData.
  void fill_up(const RunLengths& lengths);

  // Makes the recipe that was given fit the data: a batch size that was not written is clamped;
  // train.overfit_batches keeps the first batches alone, in one order. `notes`: what was changed,
  // for people. THROWS: kInvalidArgument for a written batch size larger than the training set.
  void settle(Recipe& recipe, std::vector<std::string>& notes);

  // augment.mixup and cutmix: labels become probabilities of `classes`, mixed in training. Before
  // any loader is made. THROWS: kInvalidArgument when the inputs cannot be mixed.
  void mix(std::int64_t classes);

  // Each data set is replaced by what `make` makes of it and of those of its rows that are used.
  // Before any loader is made.
  using MakeData = std::function<std::unique_ptr<Dataset>(std::unique_ptr<Dataset>,
                                                          std::span<const std::int64_t> rows)>;
  void replace(const MakeData& make);

  // Where states are carried: the training rows become those of Streams::cut(). After settle().
  void cut_streams(std::vector<std::string>& notes);

  const Dataset& train() const { return *train_; }
  const Dataset& val() const { return val_ == nullptr ? *train_ : *val_; }
  bool has_validation() const { return !val_rows_.empty(); }
  const std::vector<std::int64_t>& train_rows() const { return train_rows_; }
  std::int64_t train_count() const { return static_cast<std::int64_t>(train_rows_.size()); }
  std::int64_t val_count() const { return static_cast<std::int64_t>(val_rows_.size()); }
  std::span<const std::int64_t> val_rows() const { return val_rows_; }
  std::int64_t batches_per_epoch() const { return epoch_batches().count(); }
  // The forms that batches of training and of validation come in, the largest first.
  std::vector<BatchForm> train_forms() const;
  std::vector<BatchForm> val_forms() const;
  // Of make_ordered_loader().
  std::vector<BatchForm> ordered_forms(std::int64_t batch_size) const;
  // Of any epoch of training. Each step asks, so it is counted once.
  const EpochBatches& epoch_batches() const;

  std::unique_ptr<BatchLoader> make_train_loader(DataPosition start, int rank = 0,
                                                 int ranks = 1) const;
  // The validation set in its own order, once; where states are carried, as Streams::whole() has
  // it, and so below.
  std::unique_ptr<BatchLoader> make_val_loader() const;
  // All training rows once, for evaluation and prediction: in their own order, but where they
  // differ in length bucket by bucket.
  std::unique_ptr<BatchLoader> make_ordered_loader(std::int64_t batch_size) const;
  // So many training rows once, chosen at random by data.seed; where states are carried all of them
  // in their own order.
  std::unique_ptr<BatchLoader> make_sample_loader(std::int64_t samples,
                                                  std::int64_t batch_size) const;
  // All training rows as one batch, filled up to the longest.
  std::unique_ptr<BatchLoader> make_whole_loader() const;

  // The training data, the validation data when that is a file of its own, and the rows' weights.
  std::vector<SideFile> files() const;

 private:
  // Over `data`, where data.workers asks for several threads.
  std::unique_ptr<Dataset> read_by_workers(std::unique_ptr<Dataset> data) const;
  void split(bool by_class);
  // Only the rows of the first batches, to train on and to validate on. Returns how many.
  std::int64_t keep_few_batches(std::int64_t batches);
  // The first training rows of an epoch in this order.
  std::vector<std::int64_t> first_rows(std::int64_t count, const SamplerOptions& order) const;
  SamplerOptions training_order() const;
  // The class of each training row, for data.sampling = "balanced".
  std::vector<std::int64_t> classes_of_rows() const;
  std::optional<Streams> whole_streams(const Dataset& data, std::span<const std::int64_t> rows,
                                       std::int64_t batch_size) const;
  std::unique_ptr<BatchLoader> loader_once(const Dataset& data,
                                           const std::vector<std::int64_t>& rows,
                                           LoaderOptions options) const;
  void check_carrying() const;
  bool drops_last() const { return whole_batches_ || recipe_.data.drop_last; }

  const Recipe& recipe_;
  const bool validates_;
  const bool carries_;  // states of the model go on from batch to batch
  std::unique_ptr<Dataset> train_;
  std::unique_ptr<Dataset> val_;  // null: a part of train_
  std::vector<std::int64_t> train_rows_;
  std::vector<std::int64_t> val_rows_;
  bool whole_batches_ = false;
  mutable std::optional<EpochBatches> epoch_;  // what follows from the rows
  Buckets train_buckets_;
  Buckets val_buckets_;
};

}  // namespace temper::training
