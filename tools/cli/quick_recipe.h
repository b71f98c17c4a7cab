// The recipe behind the commands that take a model, a data file and a loss on the command line.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command.h"
#include "training/recipe/recipe.h"

namespace temper::cli {

struct QuickRecipe {
  std::string model;
  std::string data;
  std::string loss;                     // empty: inferred
  std::vector<std::string> parameters;  // "key=value"; a key without a table is the loss's
};

// What follows MODEL: DATA, also as --data, then key=value.
struct TypedData {
  std::string data;  // empty: none was typed
  std::vector<std::string> parameters;
};
// THROWS: kInvalidArgument when the data stand there twice or a further word is no key=value.
TypedData typed_data(const Arguments& arguments, std::size_t first);
// The same, of `command`, which needs data. THROWS: kInvalidArgument also without.
TypedData required_data(const Arguments& arguments, std::size_t first, const std::string& command);

// No shuffling and no validation split. THROWS: kInvalidArgument.
training::Recipe make_quick_recipe(const QuickRecipe& quick);

// Of an option such as --calibrate: a RECIPE.toml, or data as for make_quick_recipe(), with
// --threads where it is given.
training::Recipe data_recipe(const std::string& path, const Arguments& arguments);

// The positional arguments from `first` on, which must be key=value.
std::vector<std::string> parameters_of(const Arguments& arguments, std::size_t first);

}  // namespace temper::cli
