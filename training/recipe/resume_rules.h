// Which settings a run that is resumed may have other than it began with.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {

// Of a key of the table; what is none stays as it was.
ResumeRule resume_rule(std::string_view key);
// For people: "no", "yes", ...
std::string_view to_string(ResumeRule rule);

// What a resumed run must have as it began: "key = value" by full key, entries of repeated tables
// numbered. Defaults are left out, so that a key that a newer version adds changes nothing.
std::map<std::string, std::string> deciding_settings(Recipe recipe);

}  // namespace temper::training
