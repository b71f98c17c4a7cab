// The keys of [data].
#include <iterator>

#include "training/recipe/key_field.h"
#include "training/settings/data_formats.h"

namespace temper::training {
namespace {

constexpr const char* kHeader[] = {"auto", "yes", "no"};
constexpr const char* kDecimal[] = {".", ","};
constexpr const char* kSampling[] = {"all", "balanced", "weighted"};

std::string finite_numbers(const RecipeValue& value) {
  const auto& numbers = std::get<std::vector<double>>(value);
  const bool ok = std::all_of(numbers.begin(), numbers.end(),
                              [](double number) { return std::isfinite(number); });
  return ok ? "" : "must be finite numbers";
}

std::string positive_numbers(const RecipeValue& value) {
  const auto& numbers = std::get<std::vector<double>>(value);
  const bool ok = std::all_of(numbers.begin(), numbers.end(),
                              [](double number) { return std::isfinite(number) && number > 0; });
  return ok ? "" : "must be positive numbers";
}

std::string worker_count(const RecipeValue& value) {
  constexpr std::int64_t kMost = 256;
  const std::int64_t count = std::get<std::int64_t>(value);
  return count >= 0 && count <= kMost ? "" : concat("must be from 0 to ", kMost);
}

std::string picture_sides(const RecipeValue& value) {
  const auto& sides = std::get<std::vector<std::int64_t>>(value);
  const bool ok = sides.size() <= 2 && std::all_of(sides.begin(), sides.end(), [](auto side) {
                    return side >= 1 && side <= kMostSide;
                  });
  return ok ? "" : concat("must be one or two whole numbers from 1 to ", kMostSide);
}

std::vector<RecipeKey> picture_keys() {
  return {
      key(
          "data.resize",
          "picture files: the shorter side, or [height, width]; empty: just covers the crop",
          [](Recipe& r) -> auto& { return r.data.resize; }, picture_sides),
      key(
          "data.crop",
          "picture files: [height, width] of the middle that is used; empty: the model's",
          [](Recipe& r) -> auto& { return r.data.crop; }, picture_sides),
      key(
          "data.interpolation", "picture files: how they are resized, as by Pillow",
          [](Recipe& r) -> auto& { return r.data.interpolation; },
          one_of<kResamplings, std::size(kResamplings)>),
      key("data.exif_orientation",
          "picture files: turned upright as their EXIF orientation says; false: as stored",
          [](Recipe& r) -> auto& { return r.data.exif_orientation; }),
      key(
          "data.cache_mb", "picture files: decoded pictures kept in memory, in MiB; 0: none",
          [](Recipe& r) -> auto& { return r.data.cache_mb; }, not_negative),
      key(
          "data.workers",
          "threads that fill a batch; 0: all processors for picture files and [augment], else one",
          [](Recipe& r) -> auto& { return r.data.workers; }, worker_count),
  };
}

}  // namespace

std::vector<RecipeKey> data_keys() {
  std::vector<RecipeKey> keys = {
      key(
          "data.train",
          "training data: .npz, .npy, .csv, IDX, CIFAR's .bin (a file, a folder or "
          "data_batch_*.bin), tokens (a file or train_*.bin), .jsonl, .json (records, "
          "or the manifest of raw arrays), a folder of pictures",
          [](Recipe& r) -> auto& { return r.data.train; }, nullptr, true),
      key(
          "data.val", "validation data; empty: see val_split",
          [](Recipe& r) -> auto& { return r.data.val; }, nullptr, true),
      key(
          "data.val_split",
          "share of the training data held out for validation; of tokens: the last part",
          [](Recipe& r) -> auto& { return r.data.val_split; }, share),
      key(
          "data.batch_size", "samples per (micro) batch",
          [](Recipe& r) -> auto& { return r.data.batch_size; }, positive),
      key("data.shuffle", "a new order each epoch",
          [](Recipe& r) -> auto& { return r.data.shuffle; }),
      key("data.drop_last", "leave out the last, smaller batch of an epoch",
          [](Recipe& r) -> auto& { return r.data.drop_last; }),
      key(
          "data.sampling",
          "\"all\": each row once an epoch; \"balanced\": each class equally often; \"weighted\"",
          [](Recipe& r) -> auto& { return r.data.sampling; }, one_of<kSampling, 3>),
      key(
          "data.sampling_weights",
          "for \"weighted\": .npy with one number per row of data.train; drawn with replacement",
          [](Recipe& r) -> auto& { return r.data.sampling_weights; }, nullptr, true),
      key(
          "data.seed", "of the order and the split", [](Recipe& r) -> auto& { return r.data.seed; },
          not_negative),
      key("data.target",
          "target columns of a CSV file, fields of JSON records; of CIFAR-100: fine or coarse",
          [](Recipe& r) -> auto& { return r.data.target; }),
      key("data.delimiter", "of a CSV file; empty: found out",
          [](Recipe& r) -> auto& { return r.data.delimiter; }),
      key(
          "data.header", "whether a CSV file's first row names the columns",
          [](Recipe& r) -> auto& { return r.data.header; }, one_of<kHeader, 3>),
      key("data.standardize", "CSV: numeric columns to mean 0 and deviation 1",
          [](Recipe& r) -> auto& { return r.data.standardize; }),
      key("data.categorical", "CSV: numeric columns that are categories",
          [](Recipe& r) -> auto& { return r.data.categorical; }),
      key("data.drop", "CSV: columns to leave out", [](Recipe& r) -> auto& { return r.data.drop; }),
      key("data.one_hot", "CSV: categories as 0/1 columns instead of codes",
          [](Recipe& r) -> auto& { return r.data.one_hot; }),
      key("data.fill_missing", "CSV: missing numbers become the mean",
          [](Recipe& r) -> auto& { return r.data.fill_missing; }),
      key("data.missing_values", "CSV: texts that mean a missing value; empty: the usual ones",
          [](Recipe& r) -> auto& { return r.data.missing_values; }),
      key(
          "data.decimal", "CSV: the decimal mark",
          [](Recipe& r) -> auto& { return r.data.decimal; }, one_of<kDecimal, 2>),
      key(
          "data.target_path",
          "a file of its own for the targets (.npy, IDX), or a folder of masks (PNG)",
          [](Recipe& r) -> auto& { return r.data.target_path; }, nullptr, true),
      key("data.stratify", "val_split keeps each class's share",
          [](Recipe& r) -> auto& { return r.data.stratify; }),
      key("data.scale", "8-bit inputs become floats divided by 255",
          [](Recipe& r) -> auto& { return r.data.scale; }),
      class_names_key(),
      key(
          "data.format", "the kind of data; auto: by names and first bytes",
          [](Recipe& r) -> auto& { return r.data.format; },
          one_of<kDataFormats, std::size(kDataFormats)>),
      key(
          "data.mean", "images: a mean for each channel, taken away after scaling",
          [](Recipe& r) -> auto& { return r.data.mean; }, finite_numbers),
      key(
          "data.std", "images: a deviation for each channel, divided by",
          [](Recipe& r) -> auto& { return r.data.std; }, positive_numbers),
  };
  const std::vector<RecipeKey> pictures = picture_keys();
  keys.insert(keys.end(), pictures.begin(), pictures.end());
  return keys;
}

}  // namespace temper::training
