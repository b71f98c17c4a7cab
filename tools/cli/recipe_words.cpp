#include "tools/cli/recipe_words.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/platform/process.h"
#include "tools/cli/quick_recipe.h"

namespace temper::cli {

TypedWords typed_words(const Arguments& arguments, std::size_t first) {
  TypedWords typed;
  for (std::size_t i = first; i < arguments.positionals().size(); ++i) {
    const std::string& word = arguments.positional(i);
    (word.find('=') == std::string::npos ? typed.names : typed.overrides).push_back(word);
  }
  return typed;
}

training::RecipeSources recipe_sources(const std::string& file,
                                       const std::vector<std::string>& overrides) {
  training::RecipeSources sources;
  sources.file = file;
  for (const auto& [name, value] : environment_with_prefix("TEMPER_")) {
    sources.environment[name] = value;
  }
  sources.overrides = overrides;
  return sources;
}

TypedRecipe read_typed_recipe(const Arguments& arguments, std::size_t first) {
  const std::vector<std::string>& words = arguments.positionals();
  TypedRecipe typed;
  typed.file = words.at(first);
  typed.from_model = typed.file.ends_with(".onnx");
  std::string data;
  std::size_t next = first + 1;
  if (typed.from_model && next < words.size() && words[next].find('=') == std::string::npos) {
    data = words[next++];
  }
  training::Recipe& recipe = typed.recipe;
  recipe = training::read_recipe(
      recipe_sources(typed.from_model ? "" : typed.file, parameters_of(arguments, next)));
  if (!typed.from_model) {
    return typed;
  }
  const auto set = [&](const char* key, std::string& field, const std::string& value) {
    field = value;
    recipe.origins[key] = "command line";
  };
  set("model.path", recipe.model.path, typed.file);
  if (!data.empty()) {
    set("data.train", recipe.data.train, data);
  }
  if (recipe.origins.count("data.val_split") == 0 && recipe.data.val.empty()) {
    recipe.data.val_split = 0.2;
    recipe.origins["data.val_split"] = "held out, as nothing else is given";
  }
  return typed;
}

TypedRecipe read_one_model_recipe(const Arguments& arguments, std::size_t first,
                                  const std::string& command) {
  TypedRecipe typed = read_typed_recipe(arguments, first);
  TEMPER_CHECK(!typed.recipe.adversarial.is_on(), ErrorCode::kInvalidArgument, typed.file,
               " trains two models against each other; ", command, " works on one model");
  return typed;
}

std::string recipe_name(const std::string& file) {
  return std::filesystem::path(file).stem().string();
}

double number_option(const Arguments& arguments, const std::string& option, double fallback) {
  if (!arguments.has(option)) {
    return fallback;
  }
  const std::string typed = arguments.text(option);
  double value = 0;
  const auto [end, error] = std::from_chars(typed.data(), typed.data() + typed.size(), value);
  TEMPER_CHECK(error == std::errc() && end == typed.data() + typed.size() && std::isfinite(value),
               ErrorCode::kInvalidArgument, option, " takes a number such as 1e-3, not '", typed,
               "'");
  return value;
}

}  // namespace temper::cli
