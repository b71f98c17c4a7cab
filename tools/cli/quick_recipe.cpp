#include "tools/cli/quick_recipe.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "tools/cli/recipe_words.h"
#include "training/losses/loss.h"
#include "training/recipe/recipe_keys.h"

namespace temper::cli {
namespace {

// Any other word without a table is an error of the recipe, which names the key it may stand for.
bool is_of_loss(const std::string& key) {
  if (training::find_recipe_key("loss." + key) != nullptr) {
    return true;
  }
  const std::vector<training::Loss>& all = training::losses();
  return std::any_of(all.begin(), all.end(), [&](const training::Loss& loss) {
    return std::any_of(loss.parameters.begin(), loss.parameters.end(),
                       [&](const training::ParameterSpec& spec) { return spec.name == key; });
  });
}

}  // namespace

TypedData typed_data(const Arguments& arguments, std::size_t first) {
  const std::vector<std::string>& words = arguments.positionals();
  TypedData typed{arguments.text("--data"), {}};
  const bool by_place = first < words.size() && words[first].find('=') == std::string::npos;
  if (by_place) {
    TEMPER_CHECK(typed.data.empty(), ErrorCode::kInvalidArgument, "the data are given twice, as '",
                 words[first], "' and as --data ", typed.data, ": leave one out");
    typed.data = words[first];
  }
  typed.parameters = parameters_of(arguments, first + (by_place ? 1 : 0));
  return typed;
}

TypedData required_data(const Arguments& arguments, std::size_t first, const std::string& command) {
  TypedData typed = typed_data(arguments, first);
  TEMPER_CHECK(!typed.data.empty(), ErrorCode::kInvalidArgument, "on which data? Type ", command,
               " ", arguments.positional(0), " DATA, or --data FILE");
  return typed;
}

training::Recipe make_quick_recipe(const QuickRecipe& quick) {
  training::RecipeSources sources;
  if (!quick.loss.empty()) {
    sources.overrides.push_back("loss.name=" + quick.loss);
  }
  for (const std::string& parameter : quick.parameters) {
    const std::string key = parameter.substr(0, parameter.find('='));
    sources.overrides.push_back(is_of_loss(key) ? "loss." + parameter : parameter);
  }
  training::Recipe recipe = training::read_recipe(sources);
  recipe.model.path = quick.model;
  recipe.data.train = quick.data;
  recipe.data.shuffle = false;
  return recipe;
}

training::Recipe data_recipe(const std::string& path, const Arguments& arguments) {
  training::Recipe recipe = path.ends_with(".toml")
                                ? training::read_recipe(recipe_sources(path, {}))
                                : make_quick_recipe({arguments.positional(0), path, "", {}});
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  return recipe;
}

std::vector<std::string> parameters_of(const Arguments& arguments, std::size_t first) {
  std::vector<std::string> parameters;
  for (std::size_t i = first; i < arguments.positionals().size(); ++i) {
    const std::string& word = arguments.positionals()[i];
    TEMPER_CHECK(word.find('=') != std::string::npos, ErrorCode::kInvalidArgument, "'", word,
                 "' is not key=value");
    parameters.push_back(word);
  }
  return parameters;
}

}  // namespace temper::cli
