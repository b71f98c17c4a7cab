// The text of a recipe: a file, or a value that was typed. The only user of toml++. Private to
// training/recipe.
#pragma once

#include <string>

#include "training/recipe/recipe_sources.h"

namespace temper::training {

// Adds what a file says; its paths become relative to the current folder. THROWS: as
// read_sources().
void read_recipe_file(const std::string& file, WrittenRecipe& out);
// The same of what stands elsewhere, called `name`; paths stay as they are.
void read_recipe_content(const std::string& text, const std::string& name, WrittenRecipe& out);

// A value of the command line or the environment.
Assignment parse_typed(std::string key, const std::string& text, std::string origin);

}  // namespace temper::training
