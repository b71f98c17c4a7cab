// RECIPE.toml [KEY=VALUE...] or MODEL.onnx DATA [KEY=VALUE...] on the command line, as several
// commands take it.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"
#include "training/recipe/recipe.h"

namespace temper::cli {

// What was typed from the word `first` on: names (of files, losses, ...) and key=value.
struct TypedWords {
  std::vector<std::string> names;
  std::vector<std::string> overrides;
};
TypedWords typed_words(const Arguments& arguments, std::size_t first);

// The file, the environment and the overrides. REQUIRES: every word has a '='.
training::RecipeSources recipe_sources(const std::string& file,
                                       const std::vector<std::string>& overrides);

struct TypedRecipe {
  std::string file;         // RECIPE.toml or MODEL.onnx
  bool from_model = false;  // the latter
  training::Recipe recipe;
  std::vector<std::string> inferred;  // "key = value (why)": what no source says
};
// Reads what was typed from the word `first` on. Of a model and its data a fifth is held out,
// unless the settings say otherwise. THROWS: as read_recipe(); kInvalidArgument.
TypedRecipe read_typed_recipe(const Arguments& arguments, std::size_t first);

// The same for a command that works on one model and data ("temper lr-find").
// THROWS: kInvalidArgument also for a recipe of two models.
TypedRecipe read_one_model_recipe(const Arguments& arguments, std::size_t first,
                                  const std::string& command);

// "digits" for models/digits.toml: what the command's folder in runs/ is named after.
std::string recipe_name(const std::string& file);

// A number option such as --from 1e-7. THROWS: kInvalidArgument.
double number_option(const Arguments& arguments, const std::string& option, double fallback);

}  // namespace temper::cli
