#include "tools/cli/quick_recipe.h"

#include "runtime/base/error.h"

namespace temper::cli {

training::Recipe make_quick_recipe(const QuickRecipe& quick) {
  training::RecipeSources sources;
  if (!quick.loss.empty()) {
    sources.overrides.push_back("loss.name=" + quick.loss);
  }
  for (const std::string& parameter : quick.parameters) {
    const std::string key = parameter.substr(0, parameter.find('='));
    const bool has_table = key.find('.') != std::string::npos;
    sources.overrides.push_back(has_table ? parameter : "loss." + parameter);
  }
  training::Recipe recipe = training::read_recipe(sources);
  recipe.model.path = quick.model;
  recipe.data.train = quick.data;
  recipe.data.shuffle = false;
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
