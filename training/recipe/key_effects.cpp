#include "training/recipe/key_effects.h"

#include <algorithm>
#include <optional>

#include "runtime/base/error.h"
#include "training/recipe/recipe_keys.h"
#include "training/recipe/recipe_sources.h"

namespace temper::training {
namespace {

RecipeValue value_of(const std::string& key, const Recipe& recipe) {
  const RecipeKey* known = find_recipe_key(key);
  TEMPER_ASSERT(known != nullptr, "there is no key ", key);
  return known->get(recipe);
}

std::string quoted_choices(const std::vector<std::string>& values) {
  std::vector<std::string> quoted;
  for (const std::string& value : values) {
    quoted.push_back(to_toml_value(value));
  }
  return join(quoted, " or ");
}

bool is_one_of(const std::string& key, const std::vector<std::string>& values,
               const Recipe& recipe) {
  const auto text = std::get<std::string>(value_of(key, recipe));
  return std::find(values.begin(), values.end(), text) != values.end();
}

bool is_said(const RecipeValue& value) {
  return std::visit(
      []<class T>(const T& v) {
        if constexpr (std::is_arithmetic_v<T>) {
          return v != T{};
        } else {
          return !v.empty();
        }
      },
      value);
}

// Why there is no effect, and what to type.
std::string told(const KeyEffect& effect, const Recipe& recipe, const RunFacts& facts) {
  if (effect.told) {
    return effect.told(recipe, facts);
  }
  std::vector<std::string> now;
  for (const std::string& key : effect.decided_by) {
    now.push_back(concat(key, " is ", to_toml_value(value_of(key, recipe))));
  }
  return concat("it needs ", effect.when, ", but ", join(now, " and "),
                "; write that, or leave it out");
}

KeyEffect joined(const std::vector<KeyEffect>& effects, const char* word, bool all) {
  KeyEffect made;
  std::vector<std::string> parts;
  for (const KeyEffect& effect : effects) {
    if (!effect.when.empty()) {
      parts.push_back(effect.when);
    }
    made.always_error = made.always_error || effect.always_error;
    for (const std::string& key : effect.decided_by) {
      if (std::find(made.decided_by.begin(), made.decided_by.end(), key) == made.decided_by.end()) {
        made.decided_by.push_back(key);
      }
    }
  }
  made.when = join(parts, word);
  made.holds = [effects, all](const Recipe& recipe, const RunFacts& facts) {
    const auto holds = [&](const KeyEffect& effect) { return effect.holds(recipe, facts); };
    return all ? std::all_of(effects.begin(), effects.end(), holds)
               : std::any_of(effects.begin(), effects.end(), holds);
  };
  const bool any_told =
      std::any_of(effects.begin(), effects.end(), [](const auto& e) { return e.told != nullptr; });
  if (all && any_told) {
    made.told = [effects](const Recipe& recipe, const RunFacts& facts) {
      for (const KeyEffect& effect : effects) {
        if (!effect.holds(recipe, facts)) {
          return told(effect, recipe, facts);
        }
      }
      return std::string{};
    };
  }
  return made;
}

const std::string* origin_of(const Recipe& recipe, const std::string& key) {
  const auto found = recipe.origins.find(key);
  return found == recipe.origins.end() || found->second.empty() ? nullptr : &found->second;
}

// What a recipe says: keys, and entries and parameters under the key that rules them.
struct Said {
  std::string name;
  Runs runs = Runs::kBoth;
  const RecipeKey* key = nullptr;  // null: no fixed key
};

// Which runs take what stands under a name: a key, or a parameter of the component of a table.
Runs runs_of(const std::string& name) {
  if (const RecipeKey* key = find_recipe_key(name)) {
    return key->runs;
  }
  for (const ComponentTable& table : component_tables()) {
    if (name.starts_with(table.name + ".")) {
      return find_recipe_key(table.name_key)->runs;
    }
  }
  return Runs::kBoth;
}

// A recipe that was written out says every key: nobody meant the defaults.
std::vector<Said> all_said(const Recipe& recipe) {
  static const Recipe kDefaults;
  std::vector<Said> said;
  for (const RecipeKey& key : recipe_key_table()) {
    if (origin_of(recipe, key.name) != nullptr && key.get(recipe) != key.get(kDefaults)) {
      said.push_back({key.name, key.runs, &key});
    }
  }
  for (const RepeatedTable& table : repeated_tables()) {
    if (table.count(recipe) > 0) {
      said.push_back({table.name, table.runs});
    }
  }
  for (const auto& [name, origin] : recipe.origins) {
    const bool repeated =
        std::any_of(repeated_tables().begin(), repeated_tables().end(),
                    [&name = name](const RepeatedTable& table) { return table.name == name; });
    if (find_recipe_key(name) == nullptr && !repeated && !origin.empty()) {
      said.push_back({name, runs_of(name)});
    }
  }
  return said;
}

void refuse_other_runs(const Recipe& recipe, const std::vector<Said>& said) {
  const bool two = recipe.adversarial.is_on();
  std::vector<std::string> others;
  for (const Said& each : said) {
    if (each.runs == (two ? Runs::kOneModel : Runs::kTwoModels)) {
      others.push_back(each.name);
    }
  }
  if (others.empty()) {
    return;
  }
  const std::string* origin = origin_of(recipe, others.front());
  fail_at(origin == nullptr ? "the recipe" : *origin,
          two ? concat("a run of two models takes no ", join(others, ", "),
                       ": leave it out (each model has its own path in [models.NAME] and its own "
                       "[optimizer.NAME]; there is no validation)")
              : concat(join(others, ", "),
                       " belongs to a run of two models: set models.generator.path and "
                       "models.discriminator.path, or leave it out"));
}

}  // namespace

std::string_view to_string(Runs runs) {
  switch (runs) {
    case Runs::kBoth:
      return "all";
    case Runs::kOneModel:
      return "one model";
    case Runs::kTwoModels:
      return "two models";
  }
  return "all";
}

KeyEffect with_value(const std::string& key, const std::vector<std::string>& values) {
  return {concat(key, " = ", quoted_choices(values)),
          {key},
          [key, values](const Recipe& recipe, const RunFacts&) {
            return is_one_of(key, values, recipe);
          }};
}

KeyEffect without_value(const std::string& key, const std::vector<std::string>& values) {
  return {concat("another ", key, " than ", quoted_choices(values)),
          {key},
          [key, values](const Recipe& recipe, const RunFacts&) {
            return !is_one_of(key, values, recipe);
          }};
}

KeyEffect with_more(const std::string& key, int than) {
  return {concat(key, " above ", than), {key}, [key, than](const Recipe& recipe, const RunFacts&) {
            const RecipeValue value = value_of(key, recipe);
            const auto* whole = std::get_if<std::int64_t>(&value);
            return whole != nullptr ? *whole > than : std::get<double>(value) > than;
          }};
}

KeyEffect with(const std::string& key) {
  return {key, {key}, [key](const Recipe& recipe, const RunFacts&) {
            return is_said(value_of(key, recipe));
          }};
}

KeyEffect without(const std::string& key) {
  return {concat("no ", key), {key}, [key](const Recipe& recipe, const RunFacts&) {
            return !is_said(value_of(key, recipe));
          }};
}

namespace {

KeyEffect by_format(const std::vector<std::string>& formats, bool wanted) {
  KeyEffect made;
  const std::string kinds = concat(wanted ? "" : "other than ", join(formats, ", "));
  made.when = concat("data: ", kinds);
  made.decided_by = {"data.train", "data.format"};
  made.always_error = true;
  made.holds = [formats, wanted](const Recipe&, const RunFacts& facts) {
    const bool among =
        std::find(formats.begin(), formats.end(), facts.data_format) != formats.end();
    return facts.data_format.empty() || among == wanted;
  };
  made.told = [kinds](const Recipe& recipe, const RunFacts& facts) {
    return concat("it is for data of the kind ", kinds, ", but data.train (", recipe.data.train,
                  ") is ", facts.data_format, "; leave it out, or write the kind as data.format");
  };
  return made;
}

}  // namespace

KeyEffect of_data(const std::vector<std::string>& formats) { return by_format(formats, true); }

KeyEffect of_other_data(const std::vector<std::string>& formats) {
  return by_format(formats, false);
}

KeyEffect with_validation() {
  KeyEffect made =
      any_of({with("data.val"), with_more("data.val_split"), with_more("train.overfit_batches")});
  made.when = "validation";
  made.always_note = true;
  made.told = [](const Recipe&, const RunFacts&) {
    return std::string(
        "there is nothing to validate on; write data.val = \"FILE\" or "
        "data.val_split = 0.2");
  };
  return made;
}

KeyEffect any_of(const std::vector<KeyEffect>& effects) { return joined(effects, " or ", false); }

KeyEffect all_of(const std::vector<KeyEffect>& effects) { return joined(effects, " and ", true); }

std::vector<std::string> check_effects(const Recipe& recipe, const RunFacts& facts) {
  const std::vector<Said> said = all_said(recipe);
  refuse_other_runs(recipe, said);
  std::vector<std::string> notes;
  for (const Said& each : said) {
    if (each.key == nullptr || !each.key->effect.holds || each.key->effect.holds(recipe, facts)) {
      continue;
    }
    const KeyEffect& effect = each.key->effect;
    const std::string text = concat(each.name, " has no effect: ", told(effect, recipe, facts));
    const bool switched_off =
        std::any_of(effect.decided_by.begin(), effect.decided_by.end(),
                    [&](const auto& key) { return origin_of(recipe, key) != nullptr; });
    if (effect.always_error || (!effect.always_note && !switched_off)) {
      fail_at(*origin_of(recipe, each.name), text);
    }
    notes.push_back(text);
  }
  return notes;
}

void check_single_model(const Recipe& recipe) {
  if (recipe.adversarial.is_on()) {
    return;
  }
  std::vector<Said> written;
  for (const auto& [name, origin] : recipe.origins) {
    if (!origin.empty()) {
      written.push_back({name, runs_of(name)});
    }
  }
  refuse_other_runs(recipe, written);
}

}  // namespace temper::training
