#include "tools/cli/recipe_words.h"

#include <charconv>
#include <cmath>
#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/platform/process.h"

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

training::Recipe read_one_model_recipe(const std::string& file,
                                       const std::vector<std::string>& overrides,
                                       const std::string& command) {
  training::Recipe recipe = training::read_recipe(recipe_sources(file, overrides));
  TEMPER_CHECK(!recipe.adversarial.is_on(), ErrorCode::kInvalidArgument, file,
               " trains two models against each other; ", command, " works on one model");
  return recipe;
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
