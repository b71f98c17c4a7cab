// Which settings a run that is resumed may have other than it began with.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "training/recipe/recipe.h"

namespace temper::training {

enum class ResumeRule {
  kSame,     // it decides the numbers of coming steps
  kFree,     // it decides none, or none that stay
  kLength,   // how long the run is
  kContent,  // a file that may be elsewhere: what is in it counts
  kThreads,  // what it comes to counts
};

ResumeRule resume_rule(std::string_view key);
// For people: "no", "yes", ...
std::string_view to_string(ResumeRule rule);

// What a resumed run must have as it began: "key = value" by full key, entries of repeated tables
// numbered. Defaults are left out, so that a key that a newer version adds changes nothing.
std::map<std::string, std::string> deciding_settings(Recipe recipe);

}  // namespace temper::training
