// A recipe that stands in another file as text.
#pragma once

#include <string>

#include "training/recipe/recipe.h"

namespace temper::training {

// As read_recipe() with `text` in the place of a recipe file, whose paths stay as they are. `name`:
// what messages call it. REQUIRES: typed.file is empty. THROWS: as read_recipe().
Recipe read_recipe_text(const std::string& text, const std::string& name,
                        const RecipeSources& typed);

}  // namespace temper::training
