#include "training/session/what_trains.h"

#include <algorithm>
#include <map>

#include "graph/passes/training_mode.h"
#include "runtime/base/concat.h"
#include "training/settings/name_pattern.h"

namespace temper::training {
namespace {

constexpr std::size_t kShownNames = 3;
constexpr std::size_t kShownReasons = 5;

// Tensors that do not train for one reason.
struct Group {
  std::string reason;
  std::vector<std::string> names;
  std::int64_t parameters = 0;

  std::string text() const {
    const std::size_t shown = std::min(names.size(), kShownNames);
    std::string list = join(
        std::vector<std::string>(names.begin(), names.begin() + static_cast<long>(shown)), ", ");
    if (names.size() > shown) {
      list += concat(" and ", names.size() - shown, " more");
    }
    return concat(list, " (", reason, ")");
  }
};

// "a factor of Mul '/1/Mul'" without the node, so that alike ones stand together.
std::string kind_of(const std::string& why) {
  const std::size_t node = std::min(why.find(" '"), why.find(" (output '"));
  return why.substr(0, node);
}

std::string reason_of(const graph::TensorDecision& decision, const graph::Variable* variable) {
  if (variable == nullptr) {
    return decision.shape.rank() == 0 ? "scalars" : kind_of(decision.why);
  }
  return variable->is(graph::VariableKind::kStatistic) ? "running statistics"
                                                       : kind_of(variable->why);
}

}  // namespace

std::string what_trains(const graph::Graph& imported,
                        const std::vector<graph::TensorDecision>& decisions,
                        const CompileSettings& settings) {
  graph::Graph chosen = imported;
  choose_trainable(chosen, settings.model.trainable, settings.model.freeze);
  std::vector<Group> groups;
  std::map<std::string, std::size_t> group_of;
  std::int64_t tensors = 0;
  std::int64_t trained = 0;
  std::int64_t parameters = 0;
  for (const graph::TensorDecision& decision : decisions) {
    const graph::VariableId id = chosen.find_variable(decision.name);
    const graph::Variable* variable = id.valid() ? &chosen.variable(id) : nullptr;
    const std::int64_t count = decision.shape.element_count();
    parameters += count;
    if (variable != nullptr && variable->trainable) {
      ++tensors;
      trained += count;
      continue;
    }
    const std::string reason = reason_of(decision, variable);
    const auto [found, fresh] = group_of.emplace(reason, groups.size());
    if (fresh) {
      groups.push_back({reason, {}, 0});
    }
    groups[found->second].names.push_back(decision.name);
    groups[found->second].parameters += count;
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group& a, const Group& b) { return a.parameters > b.parameters; });
  std::string text = concat(tensors, " of ", decisions.size(), " float tensors train (", trained,
                            " of ", parameters, " parameters)");
  for (std::size_t i = 0; i < groups.size() && i < kShownReasons; ++i) {
    text += concat(i == 0 ? "; not: " : ", ", groups[i].text());
  }
  if (groups.size() > kShownReasons) {
    text += concat(" and ", groups.size() - kShownReasons, " reasons more (temper inspect)");
  }
  return text;
}

std::string training_form_note(const std::string& path, const graph::Graph& imported) {
  const graph::TrainingForm form = graph::training_form(imported);
  if (!form.any()) {
    return {};
  }
  std::string counts;
  for (const auto& [op, count] : form.counts) {
    counts += concat(counts.empty() ? "" : ", ", op, " ", count);
  }
  return concat("'", path, "' was exported in training mode (", counts,
                "): it is evaluated, and written, in inference form");
}

std::set<std::string> asked_constants(const std::vector<std::string>& trainable,
                                      const std::vector<graph::TensorDecision>& decisions) {
  std::set<std::string> asked;
  for (const std::string& pattern : trainable) {
    std::set<std::string> constants;
    bool variables = pattern.starts_with('!');
    for (const graph::TensorDecision& decision : decisions) {
      if (!variables && matches_pattern(pattern, decision.name)) {
        variables = decision.is_variable;
        constants.insert(decision.name);
      }
    }
    if (!variables) {
      asked.insert(constants.begin(), constants.end());
    }
  }
  return asked;
}

}  // namespace temper::training
