// The keys of [model.input.NAME] and [model.output.NAME].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kFlatten[] = {"batch_time", "time_batch"};
constexpr const char* kNoBatch = "none";

// An integer or "none".
RepeatedKey batch_axis_key(const char* help,
                           BatchAxisSettings& (*field)(Recipe&, std::size_t entry)) {
  using Kind = BatchAxisSettings::Kind;
  RepeatedKey made;
  made.name = "batch_axis";
  made.help = help;
  made.type = "an integer or \"none\"";
  made.set = [field](Recipe& recipe, std::size_t entry, const RecipeValue& value) {
    const auto* axis = std::get_if<std::int64_t>(&value);
    const auto* text = std::get_if<std::string>(&value);
    constexpr std::int64_t kMost = 64;
    TEMPER_CHECK(
        (text != nullptr && *text == kNoBatch) || (axis != nullptr && *axis >= 0 && *axis < kMost),
        ErrorCode::kInvalidArgument,
        "must be the number of a dimension, 0 or more, or \"none\", but is ", to_toml_value(value));
    field(recipe, entry) = axis == nullptr
                               ? BatchAxisSettings{Kind::kNone, 0}
                               : BatchAxisSettings{Kind::kAxis, static_cast<int>(*axis)};
  };
  made.get = [field](const Recipe& recipe, std::size_t entry) -> std::optional<RecipeValue> {
    const BatchAxisSettings& axis = field(const_cast<Recipe&>(recipe), entry);
    switch (axis.kind) {
      case Kind::kInferred:
        return std::nullopt;
      case Kind::kNone:
        return RecipeValue(std::string(kNoBatch));
      case Kind::kAxis:
        return RecipeValue(std::int64_t{axis.axis});
    }
    return std::nullopt;
  };
  return made;
}

// Numbers or the path of a file.
RepeatedKey value_key() {
  RepeatedKey made;
  made.name = "value";
  made.help =
      "what the input is, which the data then need not hold: one number for all its elements, or a "
      "list with one for each element that a sample has, or a .npy file with them";
  made.type = "a number, a list of numbers or a path";
  made.is_path = true;
  made.set = [](Recipe& recipe, std::size_t entry, const RecipeValue& value) {
    InputSettings& input = recipe.model.inputs[entry];
    const auto* path = std::get_if<std::string>(&value);
    std::vector<double> numbers;
    TEMPER_CHECK(path != nullptr || (convert(value, numbers) && !numbers.empty()),
                 ErrorCode::kInvalidArgument, "must be ",
                 "a number, a list of numbers or the path "
                 "of a .npy file, but is ",
                 to_toml_value(value));
    TEMPER_CHECK(path == nullptr || path->ends_with(".npy"), ErrorCode::kInvalidArgument,
                 "must be a number, a list of numbers or the path of a .npy file, but is ",
                 to_toml_value(value));
    input.value = std::move(numbers);
    input.value_file = path == nullptr ? std::string{} : *path;
  };
  made.get = [](const Recipe& recipe, std::size_t entry) -> std::optional<RecipeValue> {
    const InputSettings& input = recipe.model.inputs[entry];
    if (!input.value_file.empty()) {
      return RecipeValue(input.value_file);
    }
    return input.value.empty()       ? std::nullopt
           : input.value.size() == 1 ? std::optional<RecipeValue>(input.value.front())
                                     : std::optional<RecipeValue>(input.value);
  };
  return made;
}

}  // namespace

RepeatedTable model_input_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "model.input",
      "how the samples of a batch lie in an input of the model, by the input's name. Without it "
      "the "
      "file's names of dimensions, its sizes and the operators say so (temper inspect tells)",
      {batch_axis_key(
           "the dimension that counts the samples of a batch; \"none\": all samples share "
           "the input, which needs `value`",
           [](R& r, I i) -> auto& { return r.model.inputs[i].batch_axis; }),
       value_key(),
       entry_key(
           "carry",
           "a state: the output that has it afterwards, which the next batch begins with "
           "(\"auto\": "
           "the only one that can be); the rows of a batch are then windows of as many sequences, "
           "and a sequence begins with `value`, else zeros",
           [](R& r, I i) -> auto& { return r.model.inputs[i].carry; }, nullptr, std::string{})},
      [](const R& r) { return r.model.inputs.size(); },
      [](R& r) { r.model.inputs.emplace_back(); }};
  table.runs = Runs::kOneModel;
  table.entry_name = [](R& r, I i) -> auto& { return r.model.inputs[i].name; };
  return table;
}

RepeatedTable model_output_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "model.output",
      "how the samples of a batch lie in an output of the model, by the output's name. Losses, "
      "metrics and predictions see it with the samples first",
      {batch_axis_key(
           "the dimension that counts the samples of a batch; \"none\": the output is of "
           "the whole batch",
           [](R& r, I i) -> auto& { return r.model.outputs[i].batch_axis; }),
       entry_key(
           "time_axis", "a dimension that comes right behind the samples, as steps of time do",
           [](R& r, I i) -> auto& { return r.model.outputs[i].time_axis; }, not_negative,
           std::int64_t{-1}),
       entry_key(
           "flatten",
           "dimension 0 has the steps of all samples, which become a dimension of their own: "
           "\"batch_time\": all of one sample, then all of the next; \"time_batch\": the first of "
           "each sample, then the second of each",
           [](R& r, I i) -> auto& { return r.model.outputs[i].flatten; }, one_of<kFlatten, 2>,
           std::string{})},
      [](const R& r) { return r.model.outputs.size(); },
      [](R& r) { r.model.outputs.emplace_back(); }};
  table.runs = Runs::kOneModel;
  table.entry_name = [](R& r, I i) -> auto& { return r.model.outputs[i].name; };
  return table;
}

}  // namespace temper::training
