// The keys of [optimizer] that are not parameters of a component.
#include "training/optimizers/optimizer.h"
#include "training/recipe/key_field.h"

namespace temper::training {
std::vector<RecipeKey> learning_keys() {
  return {
      key("optimizer.name", "which optimizer", [](Recipe& r) -> auto& { return r.optimizer.name; })
          .of(Runs::kOneModel),
  };
}

RepeatedTable optimizer_group_table() {
  using R = Recipe;
  using I = std::size_t;
  RepeatedTable table = {
      "optimizer.group",
      "tensors with settings of their own, such as lr or weight_decay. What all groups that match "
      "a "
      "tensor say is merged, the later one wins for the same setting",
      {entry_key(
          "match", "pattern of the tensors", [](R& r, I i) -> auto& { return r.groups[i].match; },
          not_empty, std::string{}, true)},
      [](const R& r) { return r.groups.size(); },
      [](R& r) { r.groups.emplace_back(); }};
  table.runs = Runs::kOneModel;
  table.parameters_help = "any parameter of the optimizer";
  table.parameters = [](const R& r, I) { return find_optimizer(r.optimizer.name).parameters; };
  table.given = [](R& r, I i) -> auto& { return r.groups[i].parameters; };
  return table;
}

}  // namespace temper::training
