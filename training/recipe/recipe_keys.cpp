#include "training/recipe/recipe_keys.h"

#include <iterator>
#include <utility>

#include "runtime/base/error.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/key_field.h"
#include "training/schedules/schedule.h"

namespace temper::training {

const std::vector<RecipeKey>& recipe_key_table() {
  static const std::vector<RecipeKey> kKeys = [] {
    std::vector<RecipeKey> keys;
    for (auto* table : {model_keys, data_keys, learning_keys, run_keys}) {
      std::vector<RecipeKey> more = table();
      std::move(more.begin(), more.end(), std::back_inserter(keys));
    }
    return keys;
  }();
  return kKeys;
}

const RecipeKey* find_recipe_key(std::string_view name) {
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.name == name) {
      return &key;
    }
  }
  return nullptr;
}

const std::vector<ComponentTable>& component_tables() {
  static const std::vector<ComponentTable> kTables = {
      {"loss", [](Recipe& r) -> ComponentSettings& { return r.loss.loss; },
       [](const std::string& name) { return find_loss(name).parameters; }},
      {"optimizer", [](Recipe& r) -> ComponentSettings& { return r.optimizer; },
       [](const std::string& name) { return find_optimizer(name).parameters; }},
      {"schedule", [](Recipe& r) -> ComponentSettings& { return r.schedule.schedule; },
       [](const std::string& name) { return find_schedule(name).parameters; }},
  };
  return kTables;
}

const std::vector<RepeatedTable>& repeated_tables() {
  static const std::vector<RepeatedTable> kTables = {optimizer_group_table()};
  return kTables;
}

std::string to_toml_value(const RecipeValue& value) {
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') {
        out += '\\';
      }
      out += c;
    }
    return out + "\"";
  };
  const auto number = [](double x) {
    std::string text = concat(x);
    const bool bare = text.find_first_of(".en") == std::string::npos;
    return bare ? text + ".0" : text;
  };
  return std::visit(
      [&]<class T>(const T& v) -> std::string {
        if constexpr (std::is_same_v<T, std::string>) {
          return quoted(v);
        } else if constexpr (std::is_same_v<T, double>) {
          return number(v);
        } else if constexpr (std::is_arithmetic_v<T>) {
          return concat(v);
        } else {
          std::vector<std::string> parts;
          for (const auto& element : v) {
            if constexpr (std::is_same_v<T, std::vector<std::string>>) {
              parts.push_back(quoted(element));
            } else if constexpr (std::is_same_v<T, std::vector<double>>) {
              parts.push_back(number(element));
            } else {
              parts.push_back(concat(element));
            }
          }
          return concat("[", join(parts, ", "), "]");
        }
      },
      value);
}

}  // namespace temper::training
