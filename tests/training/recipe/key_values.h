// For tests that walk all keys of a recipe: a value of each that is not its default.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "runtime/base/error.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {

inline std::vector<RecipeValue> candidates() {
  using Texts = std::vector<std::string>;
  using Numbers = std::vector<double>;
  using Integers = std::vector<std::int64_t>;
  std::vector<RecipeValue> values = {
      true, false,          std::int64_t{3}, std::int64_t{7},    0.25,         1.5,
      12.0, Texts{"auc"},   Texts{"a", "b"}, Numbers{0.25, 0.5}, Integers{24}, Integers{24, 32},
      75.0, std::int64_t{4}};
  // Names of losses, optimizers, schedules, then words of choices; the last is any text.
  for (const char* text :
       {"mse",       "sgd",         "cosine",  "hinge",   "frozen",  "weighted", "no",
        ",",         "npz",         "bicubic", "u16",     "reflect", "bilinear", "balanced",
        "epoch",     "exponential", "bf16",    "batches", "stop",    "warn",     "loss",
        "90 min",    "max",         "ema",     "last",    "micro",   "uniform",  "time",
        "symmetric", "entropy",     "learned", "rounded", "/a/text"}) {
    values.emplace_back(std::string(text));
  }
  return values;
}

// The first candidate that the key takes and that is not its default.
inline RecipeValue other_value(const RecipeKey& key) {
  const Recipe defaults;
  for (const RecipeValue& value : candidates()) {
    const auto* text = std::get_if<std::string>(&value);
    const bool is_name = key.name.ends_with(".name") || key.name == "adversarial.loss";
    const bool names = text != nullptr && *text != "/a/text" && key.is_path;
    if (names || (is_name && text == nullptr)) {
      continue;
    }
    Recipe recipe;
    try {
      if (is_name) {
        for (const ComponentTable& table : component_tables()) {
          if (table.name_key == key.name) {
            table.parameters(*text);
          }
        }
      }
      key.set(recipe, value);
    } catch (const Error&) {
      continue;
    }
    if (key.get(recipe) != key.get(defaults)) {
      return key.get(recipe);
    }
  }
  ADD_FAILURE() << "no value for " << key.name << ": add one to the candidates";
  return key.get(defaults);
}

}  // namespace temper::training
