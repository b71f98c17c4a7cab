// The keys of [data].
#include <iterator>

#include "training/recipe/key_field.h"
#include "training/settings/data_formats.h"

namespace temper::training {
namespace {

constexpr const char* kHeader[] = {"auto", "yes", "no"};
constexpr const char* kDecimal[] = {".", ","};
constexpr const char* kSplit[] = {"auto", "random", "time"};
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
          [](Recipe& r) -> auto& { return r.data.resize; }, picture_sides)
          .when(of_data({"images"})),
      key(
          "data.crop",
          "picture files: [height, width] of the middle that is used; empty: the model's",
          [](Recipe& r) -> auto& { return r.data.crop; }, picture_sides)
          .when(of_data({"images"})),
      key(
          "data.interpolation", "picture files: how they are resized, as by Pillow",
          [](Recipe& r) -> auto& { return r.data.interpolation; },
          one_of<kResamplings, std::size(kResamplings)>)
          .when(of_data({"images"})),
      key("data.exif_orientation",
          "picture files: turned upright as their EXIF orientation says; false: as stored",
          [](Recipe& r) -> auto& { return r.data.exif_orientation; })
          .when(of_data({"images"})),
      key(
          "data.cache_mb", "picture files: decoded pictures kept in memory, in MiB; 0: none",
          [](Recipe& r) -> auto& { return r.data.cache_mb; }, not_negative)
          .on_resume(ResumeRule::kFree)
          .when(of_data({"images"})),
      key(
          "data.workers",
          "threads that fill a batch; 0: all processors for picture files and [augment], else one",
          [](Recipe& r) -> auto& { return r.data.workers; }, worker_count)
          .on_resume(ResumeRule::kFree),
  };
}

}  // namespace

namespace {

// Anything about the data is drawn at random.
KeyEffect with_chance() {
  KeyEffect changes{"[augment]", {}, [](const Recipe& recipe, const RunFacts&) {
                      return recipe.augment.is_on() || recipe.augment.mixes();
                    }};
  return any_of({with("data.shuffle"), without_value("data.sampling", {"all"}),
                 with_more("data.val_split"), changes});
}

}  // namespace

namespace {

// The order of rows in time means something.
KeyEffect goes_along_sequences() {
  KeyEffect carries{"model.input.NAME.carry", {}, [](const Recipe& recipe, const RunFacts&) {
                      return std::any_of(
                          recipe.model.inputs.begin(), recipe.model.inputs.end(),
                          [](const InputSettings& input) { return !input.carry.empty(); });
                    }};
  return all_of({of_other_data({"npy", "idx", "cifar10", "cifar100", "tokens", "jsonl", "images"}),
                 any_of({carries, with_value("data.split", {"time"}), with_more("data.window")})});
}

std::vector<RecipeKey> set_keys() {
  return {
      key(
          "data.train", concat("training data: ", kDataKindsHelp),
          [](Recipe& r) -> auto& { return r.data.train; }, nullptr, true)
          .on_resume(ResumeRule::kContent),
      key(
          "data.val", "validation data; empty: see val_split",
          [](Recipe& r) -> auto& { return r.data.val; }, nullptr, true)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kContent),
      key(
          "data.val_split",
          "share of the training data held out for validation; of tokens: the last part",
          [](Recipe& r) -> auto& { return r.data.val_split; }, share)
          .of(Runs::kOneModel)
          .when(without("data.val")),
      key(
          "data.split",
          "what val_split holds out: rows at \"random\", or the last ones in \"time\", of each "
          "sequence; \"auto\": the last ones where rows are windows or model.input.NAME.carry goes "
          "along them",
          [](Recipe& r) -> auto& { return r.data.split; }, one_of<kSplit, 3>)
          .of(Runs::kOneModel)
          .when(with_more("data.val_split")),
      key("data.sequence",
          "the array of .npz, a folder of .npy or a manifest, or the CSV column, that tells which "
          "sequence a row is of: equal for its rows, which stand one after the other in time",
          [](Recipe& r) -> auto& { return r.data.sequence; })
          .when(goes_along_sequences()),
      key(
          "data.batch_size", "samples per (micro) batch",
          [](Recipe& r) -> auto& { return r.data.batch_size; }, positive),
      key("data.shuffle", "a new order each epoch",
          [](Recipe& r) -> auto& { return r.data.shuffle; })
          .when(with_value("data.sampling", {"all"})),
      key("data.drop_last", "leave out the last, smaller batch of an epoch",
          [](Recipe& r) -> auto& { return r.data.drop_last; }),
      key(
          "data.sampling",
          "\"all\": each row once an epoch; \"balanced\": each class equally often; \"weighted\"",
          [](Recipe& r) -> auto& { return r.data.sampling; }, one_of<kSampling, 3>),
      key(
          "data.sampling_weights",
          "for \"weighted\": .npy with one number per row of data.train; drawn with replacement",
          [](Recipe& r) -> auto& { return r.data.sampling_weights; }, nullptr, true)
          .on_resume(ResumeRule::kContent)
          .when(with_value("data.sampling", {"weighted"})),
      key(
          "data.seed", "of the order and the split", [](Recipe& r) -> auto& { return r.data.seed; },
          not_negative)
          .when(with_chance()),
  };
}

std::vector<RecipeKey> table_keys() {
  return {
      key("data.target",
          "target columns of a CSV file, fields of JSON records; of CIFAR-100: fine or coarse",
          [](Recipe& r) -> auto& { return r.data.target; })
          .when(of_data({"csv", "jsonl", "cifar100"})),
      key("data.delimiter", "of a CSV file; empty: found out",
          [](Recipe& r) -> auto& { return r.data.delimiter; })
          .when(of_data({"csv"})),
      key(
          "data.header", "whether a CSV file's first row names the columns",
          [](Recipe& r) -> auto& { return r.data.header; }, one_of<kHeader, 3>)
          .when(of_data({"csv"})),
      key("data.standardize", "CSV: numeric columns to mean 0 and deviation 1",
          [](Recipe& r) -> auto& { return r.data.standardize; })
          .when(of_data({"csv"})),
      key("data.categorical", "CSV: numeric columns that are categories",
          [](Recipe& r) -> auto& { return r.data.categorical; })
          .when(of_data({"csv"})),
      key("data.drop", "CSV: columns to leave out", [](Recipe& r) -> auto& { return r.data.drop; })
          .when(of_data({"csv"})),
      key("data.one_hot", "CSV: categories as 0/1 columns instead of codes",
          [](Recipe& r) -> auto& { return r.data.one_hot; })
          .when(of_data({"csv"})),
      key("data.fill_missing", "CSV: missing numbers become the mean",
          [](Recipe& r) -> auto& { return r.data.fill_missing; })
          .when(of_data({"csv"})),
      key("data.missing_values", "CSV: texts that mean a missing value; empty: the usual ones",
          [](Recipe& r) -> auto& { return r.data.missing_values; })
          .when(of_data({"csv"})),
      key(
          "data.decimal", "CSV: the decimal mark",
          [](Recipe& r) -> auto& { return r.data.decimal; }, one_of<kDecimal, 2>)
          .when(of_data({"csv"})),
  };
}

std::vector<RecipeKey> content_keys() {
  return {
      key(
          "data.target_path",
          "a file of its own for the targets (.npy, IDX), or a folder of masks (PNG)",
          [](Recipe& r) -> auto& { return r.data.target_path; }, nullptr, true)
          .on_resume(ResumeRule::kContent)
          .when(of_data({"npy", "idx", "images"})),
      key("data.stratify", "val_split keeps each class's share",
          [](Recipe& r) -> auto& { return r.data.stratify; })
          .of(Runs::kOneModel)
          .when(all_of({with_more("data.val_split"), without("data.val")})),
      key("data.scale", "8-bit inputs become floats divided by 255",
          [](Recipe& r) -> auto& { return r.data.scale; })
          .when(of_other_data({"csv", "jsonl", "tokens"})),
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
}

}  // namespace

std::vector<RecipeKey> data_keys() {
  std::vector<RecipeKey> keys;
  for (const auto& part : {set_keys(), table_keys(), content_keys(), picture_keys()}) {
    keys.insert(keys.end(), part.begin(), part.end());
  }
  return keys;
}

}  // namespace temper::training
