#include "tools/cli/help_keys.h"

#include <algorithm>
#include <vector>

#include "runtime/base/error.h"
#include "tools/cli/help_text.h"
#include "training/recipe/recipe_keys.h"

namespace temper::cli {
namespace {

using training::ComponentTable;
using training::Recipe;
using training::RecipeKey;
using training::RecipeTable;
using training::RepeatedKey;
using training::RepeatedTable;

std::string title_of(const RecipeTable& table) {
  return table.repeated ? concat("[[", table.name, "]]")
                        : concat("[", table.name, table.named ? ".NAME]" : "]");
}

std::string table_of(const std::string& key) { return key.substr(0, key.rfind('.')); }

// The topic of `temper help` that tells a component's parameters.
std::string topic_of(const ComponentTable& table) {
  const std::string kind = table.name.substr(0, table.name.find('.'));
  return kind == "loss"        ? "temper help losses NAME"
         : kind == "optimizer" ? "temper help optimizers NAME"
         : kind == "schedule"  ? "temper help schedules NAME"
                               : "docs/reference.md";
}

std::string repeated_lines(const RepeatedTable& table) {
  std::string text;
  for (const RepeatedKey& key : table.keys) {
    text += concat("  ", key.name, "  (", key.type, key.required ? ", required" : "", ")\n");
    text += line_of("", key.help, 6);
  }
  return table.parameters_help.empty() ? text : text + line_of("...", table.parameters_help, 6);
}

std::string lines_of(const RecipeTable& table) {
  const Recipe defaults;
  std::string text = concat(title_of(table), "  ", table.help, "\n");
  for (const RepeatedTable& repeated : training::repeated_tables()) {
    if (repeated.name == table.name) {
      return text + repeated_lines(repeated);
    }
  }
  for (const RecipeKey& key : training::recipe_key_table()) {
    if (table_of(key.name) == table.name) {
      text += concat("  ", key.name, " = ", training::to_toml_value(key.get(defaults)), "  (",
                     key.type, ")\n");
      text += line_of("", key.help, 6);
    }
  }
  for (const ComponentTable& component : training::component_tables()) {
    if (component.name == table.name) {
      text += line_of(
          "...",
          concat("the parameters of what ", component.name_key, " names: ", topic_of(component)),
          6);
    }
  }
  return text;
}

}  // namespace

std::string recipe_table_lines() {
  std::string text;
  for (const RecipeTable& table : training::recipe_tables()) {
    text += line_of(title_of(table), table.help, 30);
  }
  return text;
}

std::string recipe_key_lines(const std::string& wanted) {
  std::string text;
  for (const RecipeTable& table : training::recipe_tables()) {
    if (wanted.empty() || table.name == wanted) {
      text += concat(text.empty() ? "" : "\n", lines_of(table));
    }
  }
  if (!text.empty()) {
    return text;
  }
  if (training::find_recipe_key(wanted) != nullptr) {  // a key's own name: its table
    return recipe_key_lines(table_of(wanted));
  }
  const std::string near = training::nearest(wanted, training::recipe_table_names());
  fail(ErrorCode::kInvalidArgument, "a recipe has no table '", wanted, "'",
       near.empty() ? concat("; there are ", join(training::recipe_table_names(), ", "))
                    : concat("; did you mean ", near, "?"));
}

}  // namespace temper::cli
