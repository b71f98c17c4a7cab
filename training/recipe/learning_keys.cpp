// The keys of [loss] and [optimizer] that are not parameters of a component.
#include "training/recipe/key_field.h"

namespace temper::training {
std::vector<RecipeKey> learning_keys() {
  return {
      key("loss.name", "which loss", [](Recipe& r) -> auto& { return r.loss.loss.name; }),
      key("loss.output", "which model outputs; empty: the first, or as many as the loss takes",
          [](Recipe& r) -> auto& { return r.loss.outputs; }),
      key("optimizer.name", "which optimizer", [](Recipe& r) -> auto& { return r.optimizer.name; }),
  };
}

RepeatedTable optimizer_group_table() {
  using R = Recipe;
  using I = std::size_t;
  return {
      "optimizer.group",
      "parameters with settings of their own; the last group that matches counts",
      {entry_key(
           "match", "pattern of the tensors", [](R& r, I i) -> auto& { return r.groups[i].match; },
           not_empty, std::string{}, true),
       entry_key(
           "lr", "learning rate of the group", [](R& r, I i) -> auto& { return r.groups[i].lr; },
           not_negative, -1.0),
       entry_key(
           "weight_decay", "decay of the group",
           [](R& r, I i) -> auto& { return r.groups[i].weight_decay; }, not_negative, -1.0)},
      [](const R& r) { return r.groups.size(); },
      [](R& r) { r.groups.emplace_back(); }};
}

}  // namespace temper::training
