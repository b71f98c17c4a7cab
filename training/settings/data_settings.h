// [data] of a recipe: which data, how they are read, split and batched.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace temper::training {

// [data.field.NAME]: of one input or target of the data, where samples differ in length.
struct FieldSettings {
  std::string name;
  std::optional<double> pad;  // what its rows are filled up with
  std::string make;           // what the data need not hold; see kMadeFields; empty: by its name
};

// What inputs can be made of the samples' lengths.
inline constexpr const char* kMadeFields[] = {"",          "mask",  "padding_mask",
                                              "positions", "zeros", "lengths"};

// The lengths that samples are filled up to.
struct BucketSettings {
  std::int64_t count = 0;             // so many, chosen from the data; 0: as many as seem good
  std::vector<std::int64_t> lengths;  // these

  friend bool operator==(const BucketSettings&, const BucketSettings&) = default;
};

struct DataSettings {
  std::string train;
  std::string val;
  double val_split = 0;  // share of `train` held out for validation when `val` is empty
  std::int64_t batch_size = 32;
  bool batch_size_given =
      false;  // a written size larger than the set is an error, an inferred one is clamped
  bool shuffle = true;
  bool drop_last = false;
  std::string sampling = "all";  // "all" | "balanced" | "weighted"
  std::string sampling_weights;  // .npy: one number per training row
  std::int64_t seed = 0;
  std::vector<std::string> target;          // CSV columns; for .npz the array `target`
  std::string delimiter;                    // CSV; empty: found out
  std::string header = "auto";              // CSV: "auto" | "yes" | "no"
  bool standardize = true;                  // CSV: numeric columns to mean 0, deviation 1
  std::vector<std::string> categorical;     // CSV: numeric columns that are categories
  std::vector<std::string> drop;            // CSV: columns to leave out
  bool one_hot = false;                     // CSV: categories as 0/1 columns instead of codes
  bool fill_missing = false;                // CSV: missing numbers become the mean
  std::vector<std::string> missing_values;  // CSV: texts that mean "missing"; empty: the usual ones
  std::string decimal = ".";                // CSV: "." or ","
  std::string target_path;                  // the targets' own file (.npy, IDX)
  bool stratify = true;                     // val_split keeps each class's share
  bool scale = false;                       // 8-bit inputs as floats divided by 255
  std::vector<std::string> class_names;     // in the order of the labels; empty: the data's own
  std::string format = "auto";              // the kind of data; see kDataFormats
  std::vector<double> mean;                 // of each channel, taken away after scaling
  std::vector<double> std;                  // of each channel, divided by
  std::string token_dtype;                  // tokens: "u16" | "u32"; empty: as the file says
  std::int64_t pad = 0;                     // JSON: what lists of an input are filled up with
  bool truncate = false;                    // JSON: lists that are too long are cut
  std::int64_t block = 0;                   // tokens: of one sample; 0: as the model takes
  std::int64_t stride = 0;                  // tokens: between samples' begins; 0: block
  std::vector<std::int64_t> resize;  // pictures in files; see picture_preparation.h, as these:
  std::vector<std::int64_t> crop;
  std::string interpolation = "bilinear";
  std::int64_t cache_mb = 1024;
  bool exif_orientation = false;
  std::string split = "auto";   // of val_split: "auto" | "random" | "time"
  std::string sequence;         // the column or array that tells sequences apart
  std::int64_t window = 0;      // CSV: rows of one sample; 0: each row is a sample
  std::int64_t horizon = 1;     // of windows: how many rows later the targets are
  bool per_step = false;        // of windows: a target for each of its rows
  BucketSettings buckets;       // of samples of different lengths
  std::int64_t max_length = 0;  // longer ones are cut; 0: none
  std::string lengths;          // arrays: the one that says how much of each row counts
  std::vector<FieldSettings> fields;
  std::int64_t workers = 0;  // threads that fill a batch; 0: see ParallelDataset
};

}  // namespace temper::training
