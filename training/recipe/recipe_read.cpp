// A recipe from what its sources say: every key found, every value checked, components completed.
#include <algorithm>
#include <iterator>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"
#include "training/recipe/recipe_sources.h"
#include "training/recipe/recipe_text.h"
#include "training/recipe/recipe_toml.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

const ComponentTable* component_of(const std::string& key) {
  for (const ComponentTable& table : component_tables()) {
    if (key.starts_with(table.name + ".")) {
      return &table;
    }
  }
  return nullptr;
}

// Whether two names differ only in case, as T_max and the t_max of a variable
// TEMPER_SCHEDULE_T_MAX.
bool same_but_case(const std::string& a, const std::string& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

// A value as the parameter's type. THROWS: kInvalidArgument, also when there is no such parameter.
AttrValue typed_parameter(const std::string& table, const std::string& component,
                          const std::vector<ParameterSpec>& specs, const std::string& name,
                          const RecipeValue& value) {
  const bool is_bool = std::any_of(specs.begin(), specs.end(), [&](const ParameterSpec& spec) {
    return spec.name == name && spec.is_bool;
  });
  Attrs one;
  std::visit(
      [&]<class T>(const T& v) {
        if constexpr (!std::is_same_v<T, bool>) {
          one.set(name, AttrValue(v));
        } else if (is_bool) {
          one.set(name, std::int64_t{v});
        } else {
          one.set(name, std::string(v ? "true" : "false"));
        }
      },
      value);
  return *complete_parameters(table, component, specs, one).find(name);
}

// A text as it was typed where the key wants one; "[a, b]" is a list only where it wants a list.
const RecipeValue& wanted_value(const RecipeKey& key, const Assignment& assignment) {
  const std::optional<RecipeValue>& text = assignment.as_text;
  const bool fits =
      text.has_value() &&
      (key.is_text_list || (key.is_text && std::holds_alternative<std::string>(*text)));
  return fits ? *text : assignment.value;
}

// All keys that mean something in this recipe: the fixed ones and the parameters of its components.
std::vector<std::string> settable_keys(Recipe& recipe) {
  std::vector<std::string> keys = recipe_keys();
  for (const ComponentTable& table : component_tables()) {
    const std::string& component = table.settings(recipe).name;
    try {
      for (const ParameterSpec& spec :
           component.empty() ? std::vector<ParameterSpec>{} : table.parameters(component)) {
        keys.push_back(concat(table.name, ".", spec.name));
      }
    } catch (const Error&) {
      // A component that does not exist has no parameters; that is told of on its own.
    }
  }
  if (!recipe.adversarial.is_on()) {
    std::erase_if(keys, [](const std::string& key) {
      return key.find(".generator.") != std::string::npos ||
             key.find(".discriminator.") != std::string::npos;
    });
  }
  return keys;
}

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

// What an unknown key may stand for: the same word in its table (epochs: train.epochs), in another
// (train.batch_size: data.batch_size) or in a table written otherwise, or the nearest key.
std::string key_hint(const std::string& key, Recipe& recipe) {
  const std::vector<std::string> keys = settable_keys(recipe);
  const bool bare = key.find('.') == std::string::npos;
  const auto with_last_part = [&](const std::string& word) {
    std::vector<std::string> found;
    std::copy_if(keys.begin(), keys.end(), std::back_inserter(found),
                 [&](const std::string& known) { return last_part(known) == word; });
    return found;
  };
  std::vector<std::string> meant;
  const std::string table = bare ? "" : key.substr(0, key.rfind('.'));
  const std::vector<std::string> tables = recipe_table_names();
  const bool no_table = !bare && std::find(tables.begin(), tables.end(), table) == tables.end();
  const std::string other = no_table ? nearest(table, tables) : std::string{};
  const std::string moved = concat(other, ".", last_part(key));
  if (!other.empty() && std::find(keys.begin(), keys.end(), moved) != keys.end()) {
    meant = {moved};
  } else if (no_table) {
    return concat(": there is no table [", table, "]", table_hint(table));
  } else {
    meant = with_last_part(last_part(key));
  }
  if (meant.empty() && bare) {
    std::vector<std::string> words;
    std::transform(keys.begin(), keys.end(), std::back_inserter(words), last_part);
    meant = with_last_part(nearest(key, words));
  } else if (meant.empty()) {
    meant = {nearest(key, keys)};
  }
  constexpr std::size_t kMost = 4;  // "name" and "model" stand in many tables
  const bool few = !meant.empty() && meant.size() <= kMost && !meant.front().empty();
  return few ? concat("; did you mean ", join(meant, " or "), "?")
             : " (temper help keys lists them)";
}

// Puts parameters, named without their table, into `out`.
void set_parameters(const std::string& table, const std::string& component,
                    const std::vector<ParameterSpec>& specs,
                    const std::vector<Assignment>& parameters, Attrs& out) {
  for (const Assignment& parameter : parameters) {
    std::string name = parameter.key;
    const auto spec = std::find_if(specs.begin(), specs.end(), [&](const ParameterSpec& s) {
      return same_but_case(s.name, name);
    });
    if (spec != specs.end() && parameter.from_environment) {
      name = spec->name;
    }
    try {
      const bool as_typed = parameter.as_text.has_value() && spec != specs.end() &&
                            std::holds_alternative<std::string>(spec->fallback);
      out.set(name, typed_parameter(table, component, specs, name,
                                    as_typed ? *parameter.as_text : parameter.value));
    } catch (const Error& error) {
      fail_at(parameter.origin, error.message());
    }
  }
}

class RecipeReader {
 public:
  Recipe read(const WrittenRecipe& written) {
    for (const Assignment& assignment : written.assignments) {
      apply(assignment);
    }
    if (!unknown_.empty()) {
      const Assignment& first = unknown_.front();
      fail_at(first.origin, concat("unknown key ", first.key, key_hint(first.key, recipe_)));
    }
    for (const WrittenEntry& entry : written.entries) {
      add_entry(entry);
    }
    name_sequence();
    for (const ComponentTable& table : component_tables()) {
      complete_component(table);
    }
    complete_entries();
    check_losses(recipe_);
    complete_adversarial(recipe_);
    std::erase_if(recipe_.origins, [](const auto& entry) { return entry.second.empty(); });
    return std::move(recipe_);
  }

 private:
  void apply(const Assignment& assignment) {
    recipe_.origins[assignment.key] = assignment.origin;
    if (const RecipeKey* known = find_recipe_key(assignment.key)) {
      try {
        known->set(recipe_, wanted_value(*known, assignment));
      } catch (const Error& error) {
        fail_at(assignment.origin, concat(assignment.key, " ", error.message()));
      }
      recipe_.data.batch_size_given =
          recipe_.data.batch_size_given || known->name == "data.batch_size";
      return;
    }
    const ComponentTable* table = component_of(assignment.key);
    if (table == nullptr) {
      unknown_.push_back(assignment);
      return;
    }
    Assignment parameter = assignment;
    parameter.key = assignment.key.substr(table->name.size() + 1);
    parameters_[table->name].push_back(std::move(parameter));
  }

  void add_entry(const WrittenEntry& written) {
    const RepeatedTable& table = *written.table;
    EntryParameters rest{&table, place_of(table, written.name), {}, written.origin};
    for (const Assignment& value : written.values) {
      const auto key = std::find_if(table.keys.begin(), table.keys.end(),
                                    [&](const RepeatedKey& k) { return k.name == value.key; });
      if (key == table.keys.end()) {
        rest.values.push_back(value);
        continue;
      }
      try {
        key->set(recipe_, rest.entry, value.value);
      } catch (const Error& error) {
        fail_at(value.origin, concat(table.name, ".", value.key, " ", error.message()));
      }
    }
    for (const RepeatedKey& key : table.keys) {
      const bool given =
          std::any_of(written.values.begin(), written.values.end(),
                      [&](const Assignment& value) { return value.key == key.name; });
      if (key.required && !given) {
        fail_at(written.origin,
                concat("[[", table.name, "]] needs ", key.name, " (", key.help, ")"));
      }
    }
    if (!rest.values.empty() && table.parameters == nullptr) {
      refuse(table, rest.values.front());
    }
    entries_.push_back(std::move(rest));
    recipe_.origins.try_emplace(table.name, written.origin);
  }

  // Of a new entry, or of the one that has this name.
  std::size_t place_of(const RepeatedTable& table, const std::string& name) {
    const std::size_t count = table.count(recipe_);
    for (std::size_t entry = 0; table.is_named() && entry < count; ++entry) {
      if (table.entry_name(recipe_, entry) == name) {
        return entry;
      }
    }
    table.append(recipe_);
    if (table.is_named()) {
      table.entry_name(recipe_, count) = name;
    }
    return count;
  }

  [[noreturn]] static void refuse(const RepeatedTable& table, const Assignment& value) {
    std::vector<std::string> names;
    for (const RepeatedKey& key : table.keys) {
      names.push_back(key.name);
    }
    const std::string hint = nearest(value.key, names);
    fail_at(value.origin,
            concat(table.name, ".", value.key, " is not a setting (there are ", join(names, ", "),
                   ")", hint.empty() ? "" : concat("; did you mean ", hint, "?")));
  }

  // A recipe that lists phases is a sequence.
  void name_sequence() {
    std::string& name = recipe_.schedule.schedule.name;
    const std::string origin = recipe_.origins["schedule.name"];
    if (!recipe_.schedule.phases.empty() && name != kSequenceSchedule) {
      if (!origin.empty()) {
        fail_at(origin,
                concat("schedule.name is \"", name,
                       "\", but the recipe has [[schedule.phase]] tables too: leave one out"));
      }
      name = kSequenceSchedule;
    }
    if (name == kSequenceSchedule && recipe_.schedule.phases.empty()) {
      fail_at(origin, "schedule.name is \"sequence\", which needs [[schedule.phase]] tables");
    }
  }

  // Parameters need the component's final name, so they come last.
  void complete_component(const ComponentTable& table) {
    ComponentSettings& settings = table.settings(recipe_);
    const std::vector<Assignment>& parameters = parameters_[table.name];
    if (settings.name.empty()) {
      TEMPER_CHECK(parameters.empty(), ErrorCode::kInvalidArgument, parameters.front().origin, ": ",
                   table.name, ".", parameters.front().key, " is given, but ", table.name,
                   ".name is not");
      return;
    }
    const std::string name_origin = recipe_.origins[table.name_key];
    std::vector<ParameterSpec> specs;
    try {
      specs = table.parameters(settings.name);
    } catch (const Error& error) {
      fail_at(name_origin, error.message());
    }
    settings.parameters = complete_parameters(table.name, settings.name, specs, {});
    set_parameters(table.name, settings.name, specs, parameters, settings.parameters);
    const std::string problem = table.check == nullptr ? "" : table.check(settings);
    TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, table.name, " ", settings.name, " ",
                 problem);
  }

  void complete_entries() {
    for (const EntryParameters& entry : entries_) {
      const RepeatedTable& table = *entry.table;
      if (table.parameters == nullptr) {
        continue;
      }
      const std::string title = concat("[[", table.name, "]]");
      std::vector<ParameterSpec> specs;
      try {
        specs = table.parameters(recipe_, entry.entry);
      } catch (const Error& error) {
        fail_at(entry.origin, error.message());
      }
      Attrs& given = table.given(recipe_, entry.entry);
      if (table.completed) {
        given = complete_parameters(table.name, title, specs, {});
      }
      set_parameters(table.name, title, specs, entry.values, given);
      const std::string problem = table.check == nullptr ? "" : table.check(recipe_, entry.entry);
      if (!problem.empty()) {
        fail_at(entry.origin, concat(title, " ", problem));
      }
    }
  }

  struct EntryParameters {
    const RepeatedTable* table;
    std::size_t entry;
    std::vector<Assignment> values;
    std::string origin;
  };

  std::map<std::string, std::vector<Assignment>> parameters_;  // by component table
  std::vector<Assignment> unknown_;  // told of when the components are known
  std::vector<EntryParameters> entries_;
  Recipe recipe_;
};

}  // namespace

Recipe read_recipe(const RecipeSources& sources) {
  return RecipeReader().read(read_sources(sources));
}

Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const RecipeSources& typed) {
  TEMPER_ASSERT(typed.file.empty());
  WrittenRecipe written;
  read_recipe_content(text, name, written);
  add_typed(typed, written);
  return RecipeReader().read(written);
}

}  // namespace temper::training
