#include "tools/cli/recipe_words.h"

#include <cmath>
#include <filesystem>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/base/text_bytes.h"
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
  training::Recipe& recipe = typed.recipe;
  if (!typed.from_model) {
    recipe = training::read_recipe(recipe_sources(typed.file, parameters_of(arguments, first + 1)));
    return typed;
  }
  const auto [data, settings] = typed_data(arguments, first + 1);
  recipe = training::read_recipe(recipe_sources("", settings));
  const auto set = [&](const char* key, std::string& field, const std::string& value) {
    TEMPER_CHECK(is_utf8(value), ErrorCode::kInvalidArgument, key, ": the name of the file '",
                 value, "' is not UTF-8, which a recipe must be; give it another name");
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
    typed.inferred.push_back("data.val_split = 0.2 (held out, as nothing else is given)");
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
  const std::optional<double> value = read_number(typed);
  TEMPER_CHECK(value && std::isfinite(*value), ErrorCode::kInvalidArgument, option,
               " takes a number such as 1e-3, not '", typed, "'");
  return *value;
}

}  // namespace temper::cli
