#include "training/optimizers/optimizer.h"

#include <iterator>
#include <utility>

#include "runtime/base/error.h"
#include "training/optimizers/families.h"

namespace temper::training {

const std::vector<Optimizer>& optimizers() {
  static const std::vector<Optimizer> kOptimizers = [] {
    std::vector<Optimizer> all;
    for (auto* family : kOptimizerFamilies) {
      std::vector<Optimizer> more = family();
      std::move(more.begin(), more.end(), std::back_inserter(all));
    }
    return all;
  }();
  return kOptimizers;
}

const Optimizer& find_optimizer(std::string_view name) {
  std::vector<std::string> names;
  for (const Optimizer& optimizer : optimizers()) {
    if (optimizer.name == name) {
      return optimizer;
    }
    names.push_back(optimizer.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown optimizer '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

}  // namespace temper::training
