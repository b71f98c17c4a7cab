#include "api/options.h"

#include <memory>
#include <utility>

#include "api/status.h"
#include "runtime/base/concat.h"

namespace temper::api {
namespace {

// What does not go with the rest is not taken.
void take(temper_options& options, training::RecipeSources sources) {
  options.recipe = training::read_recipe(sources);
  options.sources = std::move(sources);
}

}  // namespace

temper_status* options_create(temper_options** options) {
  return guarded([&] {
    auto made = std::make_unique<temper_options>();
    made->sources.replace_components = true;
    take(*made, made->sources);
    required(options, "options") = made.release();
  });
}

temper_status* options_read_file(temper_options* options, const char* recipe) {
  return guarded([&] {
    training::RecipeSources sources = required(options, "options").sources;
    sources.file = &required(recipe, "recipe");
    take(*options, std::move(sources));
  });
}

temper_status* options_set(temper_options* options, const char* key, const char* value) {
  return guarded([&] {
    training::RecipeSources sources = required(options, "options").sources;
    sources.overrides.push_back(
        concat(std::string(&required(key, "key")), "=", std::string(&required(value, "value"))));
    take(*options, std::move(sources));
  });
}

void options_free(temper_options* options) { delete options; }

}  // namespace temper::api
