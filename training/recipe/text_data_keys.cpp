// The keys of [data] for texts and records: tokens, JSON; for samples of different lengths, and
// [data.field.NAME].
#include <iterator>

#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kTokenTypes[] = {"", "u16", "u32"};
constexpr const char* kAuto = "auto";

// "auto", how many, or a list of lengths.
RecipeKey buckets_key() {
  RecipeKey made;
  made.name = "data.buckets";
  made.help =
      "samples of different lengths: what each is filled up to, the next of these lengths, so that "
      "a batch has one; a number: so many, as the data ask for; \"auto\": few, with little filling";
  made.type = "a list of lengths, a number or \"auto\"";
  made.set = [](Recipe& recipe, const RecipeValue& value) {
    const auto* text = std::get_if<std::string>(&value);
    const auto* count = std::get_if<std::int64_t>(&value);
    const auto* list = std::get_if<std::vector<std::int64_t>>(&value);
    constexpr std::int64_t kMost = 64;
    const bool ok =
        (text != nullptr && *text == kAuto) ||
        (count != nullptr && *count >= 1 && *count <= kMost) ||
        (list != nullptr && !list->empty() && static_cast<std::int64_t>(list->size()) <= kMost &&
         std::all_of(list->begin(), list->end(), [](auto length) { return length > 0; }));
    TEMPER_CHECK(ok, ErrorCode::kInvalidArgument,
                 "must be a list of lengths, as in [32, 64], how "
                 "many of them, from 1 to ",
                 kMost, ", or \"auto\", but is ", to_toml_value(value));
    recipe.data.buckets = {count == nullptr ? 0 : *count,
                           list == nullptr ? std::vector<std::int64_t>{} : *list};
  };
  made.get = [](const Recipe& recipe) -> RecipeValue {
    const BucketSettings& buckets = recipe.data.buckets;
    if (!buckets.lengths.empty()) {
      return buckets.lengths;
    }
    return buckets.count > 0 ? RecipeValue(buckets.count) : RecipeValue(std::string(kAuto));
  };
  return made;
}

RepeatedKey pad_key() {
  RepeatedKey made;
  made.name = "pad";
  made.help =
      "what rows of this input or target are filled up with; 0, or data.pad, of an input, of a "
      "target what the loss leaves out";
  made.type = "a number";
  made.set = [](Recipe& recipe, std::size_t entry, const RecipeValue& value) {
    recipe.data.fields[entry].pad = checked_value<double>(value, nullptr);
  };
  made.get = [](const Recipe& recipe, std::size_t entry) -> std::optional<RecipeValue> {
    const std::optional<double>& pad = recipe.data.fields[entry].pad;
    return pad ? std::optional<RecipeValue>(*pad) : std::nullopt;
  };
  return made;
}

}  // namespace

RepeatedTable data_field_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "data.field",
      "of one input or target of samples that differ in length, by its name in the model or the "
      "data",
      {pad_key(),
       entry_key(
           "make",
           "what the data need not hold of this input: \"mask\" (1 for what is there, 0 for what "
           "was filled up), \"padding_mask\" (the other way round), \"positions\" (0, 1, 2, ...), "
           "\"zeros\", \"lengths\" (of the samples); left out, the input's name says it",
           [](R& r, I i) -> auto& { return r.data.fields[i].make; },
           one_of<kMadeFields, std::size(kMadeFields)>, std::string{})},
      [](const R& r) { return r.data.fields.size(); },
      [](R& r) { r.data.fields.emplace_back(); }};
  table.runs = Runs::kOneModel;
  table.entry_name = [](R& r, I i) -> auto& { return r.data.fields[i].name; };
  return table;
}

std::vector<RecipeKey> text_data_keys() {
  return {
      key(
          "data.token_dtype", "tokens: u16 or u32; empty: as the file's header says, else u16",
          [](Recipe& r) -> auto& { return r.data.token_dtype; }, one_of<kTokenTypes, 3>)
          .when(of_data({"tokens"})),
      key("data.pad", "JSON: what lists of whole numbers are filled up with to the input's length",
          [](Recipe& r) -> auto& { return r.data.pad; })
          .when(of_data({"jsonl"})),
      key("data.truncate", "JSON: lists longer than the model's input are cut, not errors",
          [](Recipe& r) -> auto& { return r.data.truncate; })
          .when(of_data({"jsonl"})),
      key(
          "data.block",
          "tokens of one sample, or the length that JSON lists are filled up to; 0: as the "
          "model's input takes",
          [](Recipe& r) -> auto& { return r.data.block; }, not_negative)
          .when(of_data({"tokens", "jsonl"})),
      key(
          "data.stride",
          "from the begin of one sample to that of the next; 0: for tokens data.block, without "
          "overlap, for windows of a CSV file 1, or with model.input.NAME.carry data.window",
          [](Recipe& r) -> auto& { return r.data.stride; }, not_negative)
          .when(any_of({of_data({"tokens"}), with_more("data.window")})),
      key(
          "data.window",
          "CSV with a row per step of time: how many rows one after the other a sample is, "
          "[window, "
          "columns]; a numeric target is among the columns where data.horizon is above 0 and "
          "data.drop "
          "does not name it; 0: each row is a sample",
          [](Recipe& r) -> auto& { return r.data.window; }, not_negative)
          .when(of_data({"csv"})),
      key(
          "data.horizon",
          "of windows: the targets are those of so many rows after the window, [horizon, targets], "
          "and 0: of its last row; with data.per_step of the row so many rows later",
          [](Recipe& r) -> auto& { return r.data.horizon; }, not_negative)
          .when(with_more("data.window")),
      key("data.per_step", "of windows: a target for each row of the window, [window, targets]",
          [](Recipe& r) -> auto& { return r.data.per_step; })
          .when(with_more("data.window")),
      buckets_key().of(Runs::kOneModel),
      key(
          "data.max_length", "samples of different lengths: longer ones are cut to it; 0: none are",
          [](Recipe& r) -> auto& { return r.data.max_length; }, not_negative)
          .of(Runs::kOneModel),
      key("data.lengths",
          "arrays whose rows have room for the longest: the array that says how much of each "
          "counts",
          [](Recipe& r) -> auto& { return r.data.lengths; })
          .of(Runs::kOneModel),
  };
}

}  // namespace temper::training
