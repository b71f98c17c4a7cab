#include "training/recipe/resume_rules.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

// A file that is named anywhere, as opposed to none.
void forget_place(std::string& path) { path = path.empty() ? "" : "set"; }

void forget(const RecipeKey& key, const Recipe& defaults, Recipe& recipe) {
  const ResumeRule rule = key.resume;
  if (rule == ResumeRule::kContent) {
    std::string path = std::get<std::string>(key.get(recipe));
    forget_place(path);
    key.set(recipe, path);
  } else if (rule != ResumeRule::kSame) {
    key.set(recipe, key.get(defaults));
  }
}

// "key = value" by full key, as to_toml() writes it.
std::map<std::string, std::string> settings_by_key(const std::string& toml) {
  std::map<std::string, std::string> settings;
  std::string table;
  int entries = 0;
  std::string last;
  for (std::size_t begin = 0; begin < toml.size();) {
    const std::size_t end = std::min(toml.find('\n', begin), toml.size());
    const std::string line = toml.substr(begin, end - begin);
    begin = end + 1;
    const std::size_t equals = line.find(" = ");
    if (line.starts_with(kContinuedLine)) {
      settings[last] += line.substr(1);
    } else if (line.starts_with("[[")) {
      table = concat(line.substr(2, line.find(']') - 2), " ", ++entries);
    } else if (line.starts_with('[')) {
      table = line.substr(1, line.rfind(']') - 1);
    } else if (equals != std::string::npos) {
      last = concat(table, ".", line.substr(0, equals));
      settings[last] = line.substr(equals + 3);
    }
  }
  return settings;
}

// A recipe that says nothing but which components there are.
Recipe defaults_beside(const Recipe& recipe) {
  Recipe defaults;
  defaults.adversarial.generator.model = recipe.adversarial.generator.model;
  defaults.adversarial.discriminator.model = recipe.adversarial.discriminator.model;
  for (const ComponentTable& table : component_tables()) {
    const std::string& name = table.settings(const_cast<Recipe&>(recipe)).name;
    ComponentSettings& settings = table.settings(defaults);
    settings = {name, {}};
    if (!name.empty()) {
      settings.parameters = complete_parameters(table.name, name, table.parameters(name), {});
    }
  }
  return defaults;
}

// Whether the rates of coming steps depend on when the model is evaluated.
bool follows_metric(const ScheduleSettings& schedule) {
  return schedule.schedule.name == kPlateauSchedule ||
         (!schedule.phases.empty() && schedule.phases.back().schedule.name == kPlateauSchedule);
}

}  // namespace

ResumeRule resume_rule(std::string_view key) {
  const RecipeKey* known = find_recipe_key(key);
  return known == nullptr ? ResumeRule::kSame : known->resume;
}

std::string_view to_string(ResumeRule rule) {
  switch (rule) {
    case ResumeRule::kSame:
      return "no";
    case ResumeRule::kFree:
      return "yes";
    case ResumeRule::kLength:
      return "yes: longer or shorter";
    case ResumeRule::kContent:
      return "another place, with the same content";
    case ResumeRule::kThreads:
      return "if it comes to as many";
  }
  return "no";
}

std::map<std::string, std::string> deciding_settings(Recipe recipe) {
  const Recipe plain;
  const std::int64_t eval_every = recipe.train.eval_every;
  for (const RecipeKey& key : recipe_key_table()) {
    forget(key, plain, recipe);
  }
  if (follows_metric(recipe.schedule)) {
    recipe.train.eval_every = eval_every;
  }
  for (InputSettings& input : recipe.model.inputs) {
    forget_place(input.value_file);
  }
  for (LossTermSettings& term : recipe.loss_terms) {
    forget_place(term.file);
  }
  if (!recipe.stages.empty()) {
    recipe.stages.back().epochs = 1;
  }
  recipe.compare.clear();
  std::map<std::string, std::string> settings = settings_by_key(to_toml(recipe));
  for (const auto& [key, value] : settings_by_key(to_toml(defaults_beside(recipe)))) {
    const auto same = settings.find(key);
    const bool names_component =
        std::any_of(component_tables().begin(), component_tables().end(),
                    [&key = key](const ComponentTable& table) { return table.name_key == key; });
    if (same != settings.end() && same->second == value && !names_component) {
      settings.erase(same);
    }
  }
  return settings;
}

}  // namespace temper::training
