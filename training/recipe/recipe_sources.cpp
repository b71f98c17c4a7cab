// Recipes from a file, the environment and the command line.
#include "training/recipe/recipe_sources.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"
#include "training/recipe/recipe_toml.h"

namespace temper::training {
namespace {

// The tables of the recipe as they stand in the names of variables, the longer of two with a common
// beginning first: "OPTIMIZER_GENERATOR", "OPTIMIZER".
std::vector<std::string> tables_in_environment() {
  std::vector<std::string> tables;
  for (const RecipeKey& key : recipe_key_table()) {
    std::string table = key.name.substr(0, key.name.rfind('.'));
    for (char& c : table) {
      c = c == '.' ? '_' : ascii_upper(c);
    }
    if (std::find(tables.begin(), tables.end(), table) == tables.end()) {
      tables.push_back(table);
    }
  }
  std::sort(tables.begin(), tables.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  return tables;
}

void read_environment(const std::map<std::string, std::string>& environment, WrittenRecipe& out) {
  const std::vector<std::string> tables = tables_in_environment();
  for (const auto& [name, text] : environment) {
    for (std::string table : tables) {
      const std::string prefix = concat("TEMPER_", table, "_");
      if (!name.starts_with(prefix)) {
        continue;
      }
      std::replace(table.begin(), table.end(), '_', '.');
      std::string key = concat(table, ".", name.substr(prefix.size()));
      std::transform(key.begin(), key.end(), key.begin(), ascii_lower);
      out.assignments.push_back(parse_typed(key, text, name));
      out.assignments.back().from_environment = true;
      break;
    }
  }
}

// Of model.input.h0.batch_axis.
const RepeatedTable* named_table_of(const std::string& key) {
  for (const RepeatedTable& table : repeated_tables()) {
    if (table.is_named() && key.starts_with(table.name + ".")) {
      return &table;
    }
  }
  return nullptr;
}

WrittenEntry typed_entry(const RepeatedTable& table, const std::string& key,
                         const std::string& text) {
  const std::size_t begin = table.name.size() + 1;
  const std::size_t end = key.rfind('.');
  std::string name = end < begin ? std::string{} : key.substr(begin, end - begin);
  if (name.size() > 1 && name.front() == '"' && name.back() == '"') {  // as a recipe quotes it
    name = name.substr(1, name.size() - 2);
  }
  if (name.empty()) {
    fail_at("command line", concat("write ", table.name, ".NAME.", key.substr(end + 1), "=", text));
  }
  WrittenEntry entry{
      &table, {parse_typed(key.substr(end + 1), text, "command line")}, "command line"};
  entry.name = std::move(name);
  return entry;
}

const ComponentTable* named_by(const Assignment& assignment) {
  for (const ComponentTable& table : component_tables()) {
    if (assignment.key == table.name_key && std::get_if<std::string>(&assignment.value)) {
      return &table;
    }
  }
  return nullptr;
}

// A loss is a name or a file: the one that was given last.
void take_back_loss(std::vector<Assignment>& assignments) {
  const std::string last = assignments.back().key;
  std::erase_if(assignments, [&](const Assignment& assignment) {
    const bool parameter =
        assignment.key.starts_with("loss.") && find_recipe_key(assignment.key) == nullptr;
    return (last == "loss.file" && (assignment.key == "loss.name" || parameter)) ||
           (last == "loss.name" && assignment.key == "loss.file");
  });
}

// Takes back the parameters of the component that the last assignment replaces.
void take_back_parameters(std::vector<Assignment>& assignments) {
  take_back_loss(assignments);
  const Assignment naming = assignments.back();
  const ComponentTable* table = named_by(naming);
  if (table == nullptr) {
    return;
  }
  Recipe unread;
  RecipeValue before = table->settings(unread).name;
  for (std::size_t i = 0; i + 1 < assignments.size(); ++i) {
    before = assignments[i].key == naming.key ? assignments[i].value : before;
  }
  if (before == naming.value) {
    return;
  }
  const std::string prefix = table->name + ".";
  std::erase_if(assignments, [&](const Assignment& assignment) {
    return assignment.key.starts_with(prefix) && assignment.key != prefix + "lr" &&
           find_recipe_key(assignment.key) == nullptr;
  });
}

}  // namespace

std::string table_hint(const std::string& table) {
  const std::vector<std::string> names = recipe_table_names();
  const std::string near = nearest(table, names);
  const bool repeated = std::any_of(repeated_tables().begin(), repeated_tables().end(),
                                    [&](const RepeatedTable& known) { return known.name == near; });
  return near.empty()
             ? concat(" (there are ", join(names, ", "), ")")
             : concat("; did you mean ", repeated ? "[[" : "[", near, repeated ? "]]?" : "]?");
}

void fail_at(const std::string& origin, const std::string& text) {
  fail(ErrorCode::kInvalidArgument, origin.empty() ? "" : origin + ": ", text);
}

void add_typed(const RecipeSources& sources, WrittenRecipe& written) {
  read_environment(sources.environment, written);
  for (const std::string& text : sources.overrides) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      fail_at("command line", concat("'", text, "' is not key=value"));
    }
    const std::string key = text.substr(0, equals);
    if (const RepeatedTable* table = named_table_of(key)) {
      written.entries.push_back(typed_entry(*table, key, text.substr(equals + 1)));
      continue;
    }
    written.assignments.push_back(parse_typed(key, text.substr(equals + 1), "command line"));
    if (sources.replace_components) {
      take_back_parameters(written.assignments);
    }
  }
}

WrittenRecipe read_sources(const RecipeSources& sources) {
  WrittenRecipe written;
  if (!sources.file.empty()) {
    read_recipe_file(sources.file, written);
  }
  add_typed(sources, written);
  return written;
}

}  // namespace temper::training
