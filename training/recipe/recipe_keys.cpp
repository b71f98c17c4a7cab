#include "training/recipe/recipe_keys.h"

#include <iterator>
#include <utility>

#include "runtime/base/error.h"
#include "training/losses/adversarial.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/key_field.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

// Of the one model that other recipes train.
bool is_single_model_key(const std::string& name) {
  return name.starts_with("loss.") || name == "optimizer.name" || name == "model.path" ||
         name == "model.freeze" || name == "model.trainable";
}

std::vector<ParameterSpec> optimizer_parameters(const std::string& name) {
  return find_optimizer(name).parameters;
}

std::vector<ParameterSpec> schedule_parameters(const std::string& name) {
  return find_schedule(name).parameters;
}

std::string check_schedule(const ComponentSettings& settings) {
  const Schedule& schedule = find_schedule(settings.name);
  return schedule.check == nullptr ? "" : schedule.check(settings.parameters);
}

}  // namespace

RecipeKey RecipeKey::of(Runs which) && {
  runs = which;
  return std::move(*this);
}

RecipeKey RecipeKey::on_resume(ResumeRule rule) && {
  resume = rule;
  return std::move(*this);
}

RecipeKey RecipeKey::when(KeyEffect given) && {
  effect = std::move(given);
  return std::move(*this);
}

const std::vector<RecipeKey>& recipe_key_table() {
  static const std::vector<RecipeKey> kKeys = [] {
    std::vector<RecipeKey> keys;
    for (auto* table : {model_keys, data_keys, text_data_keys, augment_keys, loss_keys,
                        learning_keys, schedule_keys, clip_keys, train_keys, metric_keys,
                        record_keys, adversarial_keys, scaler_keys, average_keys, quantize_keys}) {
      std::vector<RecipeKey> more = table();
      std::move(more.begin(), more.end(), std::back_inserter(keys));
    }
    for (RecipeKey& key : keys) {
      if (is_single_model_key(key.name)) {
        key.applies = [](const Recipe& recipe) { return !recipe.adversarial.is_on(); };
      }
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
  // The longer of two names with a common beginning comes first.
  static const std::vector<ComponentTable> kTables = {
      {"loss", "loss.name", [](Recipe& r) -> ComponentSettings& { return r.loss.loss; },
       [](const std::string& name) { return find_loss(name).parameters; }},
      {"optimizer.generator", "optimizer.generator.name",
       [](Recipe& r) -> ComponentSettings& { return r.adversarial.generator.optimizer; },
       optimizer_parameters},
      {"optimizer.discriminator", "optimizer.discriminator.name",
       [](Recipe& r) -> ComponentSettings& { return r.adversarial.discriminator.optimizer; },
       optimizer_parameters},
      {"optimizer", "optimizer.name", [](Recipe& r) -> ComponentSettings& { return r.optimizer; },
       optimizer_parameters},
      {"schedule.generator", "schedule.generator.name",
       [](Recipe& r) -> ComponentSettings& { return r.adversarial.generator.schedule.schedule; },
       schedule_parameters, check_schedule},
      {"schedule.discriminator", "schedule.discriminator.name",
       [](Recipe& r) -> ComponentSettings& {
         return r.adversarial.discriminator.schedule.schedule;
       },
       schedule_parameters, check_schedule},
      {"schedule", "schedule.name",
       [](Recipe& r) -> ComponentSettings& { return r.schedule.schedule; }, schedule_parameters,
       check_schedule},
      {"adversarial", "adversarial.loss",
       [](Recipe& r) -> ComponentSettings& { return r.adversarial.loss; },
       [](const std::string& name) { return find_adversarial_loss(name).parameters; }},
  };
  return kTables;
}

const std::vector<RepeatedTable>& repeated_tables() {
  static const std::vector<RepeatedTable> kTables = {
      loss_term_table(),   optimizer_group_table(), schedule_phase_table(), compare_run_table(),
      train_stage_table(), model_input_table(),     model_output_table(),   data_field_table()};
  return kTables;
}

std::string entry_title(const RepeatedTable& table, const Recipe& recipe, std::size_t entry) {
  return table.is_named()
             ? concat("[", table.name, ".",
                      to_toml_value(table.entry_name(const_cast<Recipe&>(recipe), entry)), "]")
             : entry_title(table);
}

std::string entry_title(const RepeatedTable& table) {
  return table.is_named() ? concat("[", table.name, ".NAME]") : concat("[[", table.name, "]]");
}

namespace {

// A basic string: quotes, backslashes and control characters escaped.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string listed(const std::vector<std::string>& parts) {
  constexpr std::size_t kWidth = 1000;
  std::string out = "[";
  std::size_t line = 0;  // bytes of the last one
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part = concat(parts[i], i + 1 < parts.size() ? "," : "");
    if (line > 0 && line + part.size() >= kWidth) {
      out += concat("\n", kContinuedLine);
      line = 0;
    } else if (i > 0) {
      out += ' ';
    }
    out += part;
    line += part.size() + 1;
  }
  return out + "]";
}

}  // namespace

std::string to_toml_value(const RecipeValue& value) {
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
          return listed(parts);
        }
      },
      value);
}

}  // namespace temper::training
