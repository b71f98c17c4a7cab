// The keys of [[compare.run]].
#include "training/recipe/key_field.h"

namespace temper::training {

RepeatedTable compare_run_table() {
  using R = Recipe;
  using I = std::size_t;
  return {
      "compare.run",
      "runs of `temper compare`, each the recipe with other settings",
      {entry_key(
           "name", "in charts, tables and as the run's folder",
           [](R& r, I i) -> auto& { return r.compare[i].name; }, not_empty, std::string{}, true),
       entry_key("set", "settings of this run: [\"optimizer.name=sgd\", \"optimizer.lr=0.1\"]",
                 [](R& r, I i) -> auto& { return r.compare[i].set; })},
      [](const R& r) { return r.compare.size(); },
      [](R& r) { r.compare.emplace_back(); },
      Runs::kOneModel};
}

}  // namespace temper::training
