// The options of the C API: a recipe's sources, checked with each change.
#pragma once

#include "api/temper/temper.h"
#include "training/recipe/recipe.h"

struct temper_options {
  temper::training::RecipeSources sources;
  temper::training::Recipe recipe;  // that they give
};

namespace temper::api {

temper_status* options_create(temper_options** options);
temper_status* options_read_file(temper_options* options, const char* recipe);
temper_status* options_set(temper_options* options, const char* key, const char* value);
void options_free(temper_options* options);

}  // namespace temper::api
