// Opens a data set by its path: .npz, .npy (a file or a folder of them), CSV, IDX (also .gz),
// CIFAR's .bin, token files, JSON records, raw arrays with a manifest, folders of JPEG and PNG
// pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"
#include "training/settings/augment_settings.h"
#include "training/settings/data_settings.h"

namespace temper::training {

// What an input of the model is, made of the lengths of the samples where the data have no array
// for it.
enum class MadeField {
  kNone,
  kMask,         // 1 for what is there, 0 for what was filled up
  kPaddingMask,  // the other way round
  kPositions,    // 0, 1, 2, ...
  kZeros,
  kLengths,  // how long the sample is
};

// An input or target as the model wants it. What is left out is taken as the file has it.
struct WantedField {
  std::string name;
  DType dtype = DType::kUndefined;
  // Rows are delivered in this shape when it differs from the file's only by dimensions of 1 or
  // when one of the two is flat. Empty: as in the file.
  std::optional<Shape> row_shape;
  std::string array;  // its name in the file, when that is another; "target:" may precede it there
  // As row_shape, where some dimensions are left open (-1): what else is known.
  std::vector<std::int64_t> row_dims = {};
  // Left out where an .npz file, a folder of .npy files or a manifest has no array for it; other
  // kinds of data never have one.
  bool optional = false;
  MadeField made = MadeField::kNone;
  std::optional<double> pad = {};           // what rows of different sizes are filled up with
  std::vector<std::string> row_names = {};  // the model's names of the dimensions of a row
  // kLengths: what stands for each length, from 0 on; empty: itself.
  std::vector<std::int64_t> frames = {};
};

// Which part of a folder that holds both.
enum class DataPart { kTrain, kValidation };

// What is asked of a data set: how it is read, as a recipe says, and what the model and the run
// want of it.
struct DataOptions {
  DataSettings settings;
  AugmentSettings augment;
  std::vector<WantedField> inputs = {};   // the model's; empty: every array that is no target
  std::vector<WantedField> targets = {};  // empty: `target` or all `target:NAME`
  std::string sample_weight = {};         // loss.sample_weight where it is a column; empty: none
  bool require_targets = true;            // false for prediction: targets may be missing
  bool require_finite = true;             // NaN and Inf are errors
  bool hash_everything = false;           // fingerprint over all bytes, not only both ends
  DataPart part = DataPart::kTrain;
  // What Dataset::preprocessing() gave for the training data, used instead of what `settings` say
  // and of learning columns, categories, means. Null: learn.
  JsonValue preprocessing = {};
  // The data themselves, by the names that arrays of a file would have, for what is in memory
  // already: the path is then for messages alone.
  std::vector<std::pair<std::string, Tensor>> arrays = {};
  std::vector<std::string> classes = {};  // of picture folders in the order of their labels, as
                                          // `preprocessing` has them; empty: as the folder has them
};

// Integer targets are delivered as i64 and floats as f32 unless `targets` says otherwise.
// THROWS: kIo, kInvalidData (malformed, missing arrays, sizes that disagree, non-finite values),
// kUnsupported (kinds of data Temper does not read).
std::unique_ptr<Dataset> open_dataset(const std::string& path, const DataOptions& options);

}  // namespace temper::training
