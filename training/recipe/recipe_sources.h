// What a recipe's sources say, before any of it is understood: keys with values and where each
// stands. Private to training/recipe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {

struct Assignment {
  std::string key;
  RecipeValue value;
  std::string origin;
  bool from_environment = false;  // names arrive in capitals there
  // Where a text is wanted: what was typed, as train.out=7 and data.drop=[1, 2.50] mean texts.
  // Nothing for values of a file, which tells texts from numbers by quotes.
  std::optional<RecipeValue> as_text = {};
};

// One [[x.y]] or [x.y.NAME]; the keys of its values stand without the table's name.
struct WrittenEntry {
  const RepeatedTable* table = nullptr;
  std::vector<Assignment> values;
  std::string origin;
  std::string name = {};  // where entries have one
};

struct WrittenRecipe {
  std::vector<Assignment> assignments;  // a later one counts
  std::vector<WrittenEntry> entries;
};

// Reads TOML, environment and overrides, in this order; paths of the file become relative to the
// current folder. THROWS: kInvalidArgument with the place; kIo when the file cannot be read.
WrittenRecipe read_sources(const RecipeSources& sources);
// Adds the environment and the overrides to what a text said.
void add_typed(const RecipeSources& sources, WrittenRecipe& written);

// "; did you mean [optimizer]?" for a table "optimiser" that does not exist, or nothing.
std::string table_hint(const std::string& table);

// Fails with "ORIGIN: TEXT".
[[noreturn]] void fail_at(const std::string& origin, const std::string& text);

}  // namespace temper::training
