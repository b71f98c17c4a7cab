// [[compare.run]] of a recipe.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

// One of the runs that `temper compare` makes of a recipe.
struct CompareRunSettings {
  std::string name;
  std::vector<std::string> set;  // "key=value"
};

}  // namespace temper::training
