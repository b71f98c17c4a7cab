#include "training/objective/run_losses.h"

#include <algorithm>

#include "training/losses/loss.h"

namespace temper::training {

Tensor RunLosses::readable(const Tensor& scores) const {
  const bool rows = classes_last(lead_term().loss.parameters) && lead_shape.rank() > 2 &&
                    scores.shape().rank() == lead_shape.rank();
  return rows ? scores.reshaped(class_rows(scores.shape())) : scores;
}

std::optional<Port> RunLosses::port_of(const Field& field) const {
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].name == field.name) {
      return ports[i];
    }
  }
  return std::nullopt;
}

namespace {

// What the terms call their targets; empty: the only one.
std::vector<std::string> target_names(const Recipe& recipe, const LossFiles& files) {
  std::vector<std::string> names;
  const std::vector<LossTermSettings> terms = written_terms(recipe);
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const std::string& loss = terms[i].loss.name;
    if (terms[i].is_file()) {
      for (const std::string& name : files.wanted_targets(i)) {
        names.push_back(name == kTargetInput ? std::string{} : name);
      }
    } else if (loss.empty() || find_loss(loss).target != TargetKind::kNone) {
      names.push_back(terms[i].target);
    }
  }
  return names;
}

}  // namespace

DataOptions asked_targets(const Recipe& recipe, const LossFiles& files, DataOptions wanted) {
  const std::vector<std::string> names = target_names(recipe, files);
  bool any_named = false;
  for (const std::string& name : names) {
    any_named = any_named || !name.empty();
    WantedField field;
    field.name = name.empty() ? kTargetInput : name;
    field.array = name;
    const bool known =
        std::any_of(wanted.targets.begin(), wanted.targets.end(),
                    [&](const WantedField& other) { return other.array == field.array; });
    if (!known) {
      wanted.targets.push_back(field);
    }
    std::vector<std::string>& columns = wanted.settings.target;
    if (!name.empty() && std::find(columns.begin(), columns.end(), name) == columns.end()) {
      columns.push_back(name);
    }
  }
  if (!any_named) {
    wanted.targets.clear();  // as the data have it
  }
  wanted.require_targets = wanted.require_targets && !names.empty();
  wanted.sample_weight = recipe.sample_weight;
  return wanted;
}

}  // namespace temper::training
