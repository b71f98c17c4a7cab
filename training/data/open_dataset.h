// Opens a data set by its path: .npz, .npy (a file or a folder of them), CSV, IDX (also .gz),
// CIFAR's .bin, token files, JSON records, raw arrays with a manifest, folders of JPEG and PNG
// pictures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "training/data/dataset.h"
#include "training/formats/csv.h"
#include "training/settings/augment_settings.h"

namespace temper::training {

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
};

struct TableOptions {
  CsvOptions csv;
  std::vector<std::string> targets;      // columns; empty: one named target, label, class or y,
                                         // else the last. CIFAR-100: fine or coarse
  std::string weight;                    // column that weighs each row in the loss; empty: none
  std::vector<std::string> categorical;  // numeric columns that are categories all the same
  std::vector<std::string> drop;         // columns to leave out
  bool one_hot = false;       // categorical inputs as 0/1 values; otherwise as their codes
  bool standardize = false;   // numeric inputs to mean 0 and deviation 1 (fit() learns both)
  bool fill_missing = false;  // missing numeric inputs become the mean; otherwise they are errors
  // What Dataset::preprocessing() gave for the training table: its columns, categories, means and
  // the three switches above are used instead of being learned. Null: learn.
  JsonValue preprocessing;
};

// What is done to images; see image_pipeline.h.
struct ImageOptions {
  std::vector<double> mean;  // of each channel, after `scale`; one for all; empty: 0
  std::vector<double> std;   // as `mean`; empty: 1
  AugmentSettings augment;
  std::uint64_t seed = 0;  // of the random changes
  // Of pictures in files; see picture_preparation.h.
  std::vector<std::int64_t>
      resize;                      // the shorter side, or height and width; empty: to cover `crop`
  std::vector<std::int64_t> crop;  // height and width, or one for both; empty: the model's
  std::string interpolation = "bilinear";
  std::int64_t cache_mb = 1024;      // decoded pictures kept in memory
  bool exif_orientation = false;     // pictures are turned as EXIF says
  std::vector<std::string> classes;  // in the order of the labels; empty: as the folder has them
};

// How a token file is cut into samples; see tokens_dataset.h.
struct TokenOptions {
  std::string dtype;        // "u16" | "u32"; empty: as the file says, else u16
  std::int64_t block = 0;   // tokens per sample; 0: as many as the model's input takes
  std::int64_t stride = 0;  // tokens from one sample's begin to the next's; 0: block
};

// How JSON records are read; see json_dataset.h.
struct RecordOptions {
  std::int64_t pad = 0;                  // what lists of an input are filled up with
  bool truncate = false;                 // lists that are too long are cut, otherwise errors
  std::vector<std::string> class_names;  // of a target of names; empty: learned, sorted
};

// Which part of a folder that holds both.
enum class DataPart { kTrain, kValidation };

struct DataOptions {
  std::vector<WantedField> inputs;   // the model's; empty: every array that is no target
  std::vector<WantedField> targets;  // empty: `target` or all `target:NAME`
  bool require_targets = true;       // false for prediction: targets may be missing
  bool scale = false;                // 8-bit inputs as floats divided by 255
  bool require_finite = true;        // NaN and Inf are errors
  bool hash_everything = false;      // fingerprint over all bytes, not only both ends
  std::string target_path;           // file of the targets, where they lie in a second .npy or IDX
                                     // file. IDX: found by name (images-idx3 -> labels-idx1)
  TableOptions table;
  std::string format = "auto";  // see kDataFormats; "auto": by names and first bytes
  DataPart part = DataPart::kTrain;
  ImageOptions images;
  TokenOptions tokens;
  RecordOptions records;
};

// Integer targets are delivered as i64 and floats as f32 unless `targets` says otherwise.
// THROWS: kIo, kInvalidData (malformed, missing arrays, sizes that disagree, non-finite values),
// kUnsupported (kinds of data Temper does not read).
std::unique_ptr<Dataset> open_dataset(const std::string& path, const DataOptions& options);

}  // namespace temper::training
