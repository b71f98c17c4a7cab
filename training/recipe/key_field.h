// How a recipe's key is made: name, help, its place in the recipe, and what values it takes.
// Private to training/recipe; one file of keys per table of the recipe.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {

using KeyCheck = std::string (*)(const RecipeValue&);

template <class T>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<T, bool>) {
    return "true or false";
  } else if constexpr (std::is_same_v<T, std::int64_t>) {
    return "an integer";
  } else if constexpr (std::is_same_v<T, double>) {
    return "a number";
  } else if constexpr (std::is_same_v<T, std::string>) {
    return "a string";
  } else if constexpr (std::is_same_v<T, std::vector<double>>) {
    return "a list of numbers";
  } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    return "a list of integers";
  } else {
    return "a list of strings";
  }
}

template <class T>
bool convert(const RecipeValue& value, T& out) {
  if (const T* same = std::get_if<T>(&value)) {
    out = *same;
    return true;
  }
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      out = static_cast<double>(*integer);
      return true;
    }
  }
  if constexpr (std::is_same_v<T, std::vector<double>>) {
    double number = 0;
    if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
      out.assign(integers->begin(), integers->end());
      return true;
    }
    if (convert(value, number)) {
      out = {number};
      return true;
    }
  }
  if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
    const auto* empty = std::get_if<std::vector<double>>(&value);
    std::int64_t number = 0;
    if (convert(value, number)) {
      out = {number};
      return true;
    }
    if (empty != nullptr && empty->empty()) {
      out.clear();
      return true;
    }
  }
  if constexpr (std::is_same_v<T, std::vector<std::string>>) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      out = {*text};
      return true;
    }
    const auto* empty = std::get_if<std::vector<double>>(&value);
    if (empty != nullptr && empty->empty()) {
      out.clear();
      return true;
    }
  }
  return false;
}

// `value` as a T that passes `check`. THROWS: kInvalidArgument saying what it must be.
template <class T>
T checked_value(const RecipeValue& value, KeyCheck check) {
  T converted{};
  TEMPER_CHECK(convert(value, converted), ErrorCode::kInvalidArgument, "must be ", type_name<T>(),
               ", but is ", to_toml_value(value),
               std::is_arithmetic_v<T> && std::holds_alternative<std::string>(value)
                   ? " (numbers are written as in TOML: 0.5, 1e-3)"
               : std::is_same_v<T, std::string> && value.index() < 3  // true, 7, 0.5
                   ? concat(" (in quotes it is one: \"", to_toml_value(value), "\")")
                   : "");
  const std::string problem = check == nullptr ? std::string{} : check(RecipeValue(converted));
  TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, problem, ", but is ",
               to_toml_value(value));
  return converted;
}

// `field` gives the setting's place in a recipe; its type decides what values it takes.
template <class Field>
RecipeKey key(std::string name, std::string help, Field field, KeyCheck check = nullptr,
              bool is_path = false) {
  using T = std::remove_reference_t<std::invoke_result_t<Field, Recipe&>>;
  RecipeKey made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type_name<T>();
  made.is_text = std::is_same_v<T, std::string>;
  made.is_text_list = std::is_same_v<T, std::vector<std::string>>;
  made.is_path = is_path;
  made.set = [field, check](Recipe& recipe, const RecipeValue& value) {
    field(recipe) = checked_value<T>(value, check);
  };
  made.get = [field](const Recipe& recipe) {
    return RecipeValue(field(const_cast<Recipe&>(recipe)));
  };
  return made;
}

// The same for an entry of a repeated table; `field` takes the recipe and the entry's number. A
// value equal to `absent` is one the entry does not say.
template <class Field,
          class T = std::remove_reference_t<std::invoke_result_t<Field, Recipe&, std::size_t>>>
RepeatedKey entry_key(std::string name, std::string help, Field field, KeyCheck check = nullptr,
                      T absent = {}, bool required = false) {
  RepeatedKey made;
  made.name = std::move(name);
  made.help = std::move(help);
  made.type = type_name<T>();
  made.required = required;
  made.set = [field, check](Recipe& recipe, std::size_t entry, const RecipeValue& value) {
    field(recipe, entry) = checked_value<T>(value, check);
  };
  made.get = [field, absent](const Recipe& recipe,
                             std::size_t entry) -> std::optional<RecipeValue> {
    const T& value = field(const_cast<Recipe&>(recipe), entry);
    return value == absent ? std::nullopt : std::optional<RecipeValue>(value);
  };
  return made;
}

inline std::string positive(const RecipeValue& value) {
  return std::get<std::int64_t>(value) > 0 ? "" : "must be positive";
}

inline std::string not_negative(const RecipeValue& value) {
  const auto* number = std::get_if<double>(&value);
  if (number != nullptr && !std::isfinite(*number)) {
    return "must be finite";
  }
  const bool ok = number == nullptr ? std::get<std::int64_t>(value) >= 0 : *number >= 0;
  return ok ? "" : "must not be negative";
}

inline std::string not_empty(const RecipeValue& value) {
  return std::get<std::string>(value).empty() ? "must not be empty" : "";
}

inline std::string share(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number >= 0 && number < 1 ? "" : "must be at least 0 and below 1";
}

inline std::string probability(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number >= 0 && number <= 1 ? "" : "must be a probability, from 0 to 1";
}

template <const char* const* kChoices, std::size_t kCount>
std::string one_of(const RecipeValue& value) {
  std::vector<std::string> names(kChoices, kChoices + kCount);
  const auto& text = std::get<std::string>(value);
  if (std::find(names.begin(), names.end(), text) != names.end()) {
    return "";
  }
  const std::string hint = nearest(text, names);
  return hint.empty() ? concat("must be one of ", join(names, ", "))
                      : concat("must be one of ", join(names, ", "), " (did you mean ", hint, "?)");
}

// The keys of each table, in the order they are written.
std::vector<RecipeKey> model_keys();
std::vector<RecipeKey> data_keys();
std::vector<RecipeKey> text_data_keys();
std::vector<RecipeKey> augment_keys();
std::vector<RecipeKey> loss_keys();
std::vector<RecipeKey> learning_keys();
std::vector<RecipeKey> schedule_keys();
std::vector<RecipeKey> clip_keys();
std::vector<RecipeKey> train_keys();
std::vector<RecipeKey> metric_keys();
RecipeKey class_names_key();
std::vector<RecipeKey> record_keys();
std::vector<RecipeKey> adversarial_keys();
// The same keys for one of two models; `table` is "clip.generator".
std::vector<RecipeKey> clip_keys_at(const std::string& table, ClipSettings& (*clip)(Recipe&));
std::vector<RecipeKey> schedule_keys_at(const std::string& table,
                                        ScheduleSettings& (*schedule)(Recipe&));
std::vector<RecipeKey> scaler_keys();
std::vector<RecipeKey> average_keys();
std::vector<RecipeKey> quantize_keys();
// The repeated tables of the learning settings.
RepeatedTable loss_term_table();
RepeatedTable optimizer_group_table();
RepeatedTable schedule_phase_table();
// The runs of `temper compare`.
RepeatedTable compare_run_table();
RepeatedTable train_stage_table();
// How samples lie in a model's inputs and outputs.
RepeatedTable model_input_table();
RepeatedTable model_output_table();
// Samples of different lengths.
RepeatedTable data_field_table();

}  // namespace temper::training
