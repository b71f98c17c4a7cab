// A recipe as text: TOML that reads back to the same settings, and a list of settings with their
// origins.
#include <algorithm>
#include <filesystem>
#include <set>

#include "runtime/base/concat.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {
namespace {

struct Line {
  std::string key;
  std::string value;
};

std::vector<Line> all_lines(const Recipe& recipe) {
  std::vector<Line> lines;
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.applies != nullptr && !key.applies(recipe)) {
      continue;
    }
    lines.push_back({key.name, to_toml_value(key.get(recipe))});
    for (const ComponentTable& table : component_tables()) {
      if (key.name != table.name_key) {
        continue;
      }
      const ComponentSettings& settings = table.settings(const_cast<Recipe&>(recipe));
      if (settings.name.empty()) {
        continue;
      }
      for (const ParameterSpec& spec : table.parameters(settings.name)) {
        if (const AttrValue* value = settings.parameters.find(spec.name)) {
          lines.push_back({concat(table.name, ".", spec.name), parameter_text(*value, spec)});
        }
      }
    }
  }
  return lines;
}

// What an entry of a repeated table says, its component's parameters included.
std::vector<Line> entry_lines(const Recipe& recipe, const RepeatedTable& table, std::size_t entry) {
  std::vector<Line> lines;
  for (const RepeatedKey& key : table.keys) {
    if (const auto value = key.get(recipe, entry)) {
      lines.push_back({key.name, to_toml_value(*value)});
    }
  }
  if (table.parameters != nullptr) {
    const Attrs& given = table.given(const_cast<Recipe&>(recipe), entry);
    for (const ParameterSpec& spec : table.parameters(recipe, entry)) {
      if (const AttrValue* value = given.find(spec.name)) {
        lines.push_back({spec.name, parameter_text(*value, spec)});
      }
    }
  }
  return lines;
}

}  // namespace

std::string parameter_text(const AttrValue& value, const ParameterSpec& spec) {
  return spec.is_bool ? to_toml_value(std::get<std::int64_t>(value) != 0)
                      : std::visit([](const auto& v) { return to_toml_value(v); }, value);
}

std::vector<std::string> recipe_keys() {
  std::vector<std::string> names;
  for (const RecipeKey& key : recipe_key_table()) {
    names.push_back(key.name);
  }
  return names;
}

void make_paths_absolute(Recipe& recipe) {
  const auto absolute = [](const RecipeValue& value) {
    const auto* path = std::get_if<std::string>(&value);
    return path == nullptr || path->empty()
               ? value
               : RecipeValue(std::filesystem::absolute(*path).lexically_normal().string());
  };
  for (const RecipeKey& key : recipe_key_table()) {
    if (key.is_path) {
      key.set(recipe, absolute(key.get(recipe)));
    }
  }
  for (const RepeatedTable& table : repeated_tables()) {
    for (std::size_t entry = 0; entry < table.count(recipe); ++entry) {
      for (const RepeatedKey& key : table.keys) {
        const std::optional<RecipeValue> value =
            key.is_path ? key.get(recipe, entry) : std::nullopt;
        if (value.has_value()) {
          key.set(recipe, entry, absolute(*value));
        }
      }
    }
  }
}

std::string to_toml(const Recipe& recipe) {
  std::string text;
  std::string table;
  std::set<std::string> written;
  // Those that stand in `table`; at the end, where it is empty, those in tables without keys.
  const auto write_repeated = [&] {
    for (const RepeatedTable& repeated : repeated_tables()) {
      const bool here = table.empty() || repeated.name.starts_with(table + ".");
      if (!here || !written.insert(repeated.name).second) {
        continue;
      }
      for (std::size_t entry = 0; entry < repeated.count(recipe); ++entry) {
        text += concat("\n", entry_title(repeated, recipe, entry), "\n");
        for (const Line& line : entry_lines(recipe, repeated, entry)) {
          text += concat(line.key, " = ", line.value, "\n");
        }
      }
    }
  };
  for (const Line& line : all_lines(recipe)) {
    const std::string name = line.key.substr(0, line.key.rfind('.'));
    if (name != table) {
      if (!table.empty()) {
        write_repeated();
      }
      text += concat(table.empty() ? "" : "\n", "[", name, "]\n");
      table = name;
    }
    text += concat(line.key.substr(name.size() + 1), " = ", line.value, "\n");
  }
  write_repeated();
  table.clear();
  write_repeated();
  return text;
}

std::vector<DescribedSetting> described_settings(const Recipe& recipe) {
  std::vector<DescribedSetting> settings;
  for (Line& line : all_lines(recipe)) {
    const auto origin = recipe.origins.find(line.key);
    settings.push_back({line.key, std::move(line.value),
                        origin == recipe.origins.end() ? "default" : origin->second});
  }
  return settings;
}

std::string describe_settings(const Recipe& recipe) {
  std::string text;
  for (const DescribedSetting& setting : described_settings(recipe)) {
    std::string entry = concat(setting.key, " = ", setting.value);
    entry.resize(std::max<std::size_t>(entry.size() + 2, 48), ' ');
    text += concat(entry, "# ", setting.origin, "\n");
  }
  for (const RepeatedTable& table : repeated_tables()) {
    for (std::size_t entry = 0; entry < table.count(recipe); ++entry) {
      text += entry_title(table, recipe, entry);
      for (const Line& line : entry_lines(recipe, table, entry)) {
        text += concat(" ", line.key, " = ", line.value);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace temper::training
