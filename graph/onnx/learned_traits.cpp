// How the values of a file came about, as far as learned places depend on it: behind and before
// weights, and the parts of a normalisation.
#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/learned_places.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/place_arithmetic.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kSeveral = 2;

std::vector<std::int64_t> dims_of(const FlatNode& constant) {
  if (const wire::TensorProto* tensor = constant_tensor(constant)) {
    return {tensor->dims().begin(), tensor->dims().end()};
  }
  if (const wire::AttributeProto* list = constant.find("value_floats")) {
    return {list->floats_size()};
  }
  return {};
}

}  // namespace

LearnedPlaces::LearnedPlaces(const FlatGraph& graph, const FixedValues& fixed)
    : graph_(graph), fixed_(fixed) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      producers_.emplace(output, i);
    }
    graph.for_each_read(graph.nodes[i],
                        [&](const std::string& name) { readers_[name].push_back(i); });
  }
  count_elements();
  follow_forward();
  follow_backward();
}

void LearnedPlaces::count_elements() {
  for (const auto& [name, tensor] : graph_.initializers) {
    dims_[name] = {tensor->dims().begin(), tensor->dims().end()};
  }
  for (const FlatNode& node : graph_.nodes) {
    if (node.outputs.empty() || !is_stored(node.outputs[0])) {
      continue;
    }
    std::vector<std::int64_t>& dims = dims_[node.outputs[0]];
    if (node.op == "Constant") {
      dims = dims_of(node);
    } else if (const OpDef& op = facts_of(node); op.keeps_elements() || rounds(op)) {
      const bool one = is_one(node.inputs[0]);
      const bool same =
          op.movement == Movement::kSame || op.movement == Movement::kConvert || rounds(op);
      dims = same  ? dims_[node.inputs[0]]
             : one ? std::vector<std::int64_t>{1}
                   : std::vector<std::int64_t>{kSeveral};
    } else {
      dims = dims_computed(node);
    }
  }
}

// Of arithmetic with single numbers, those of the other operand.
std::vector<std::int64_t> LearnedPlaces::dims_computed(const FlatNode& node) const {
  std::vector<std::int64_t> dims{1};
  bool known = facts_of(node).movement == Movement::kNone;
  bool several = false;
  for (const std::string& input : node.inputs) {
    if (!input.empty() && !is_one(input)) {
      const auto found = dims_.find(input);
      known = known && !several && found != dims_.end();
      several = true;
      dims = known ? found->second : dims;
    }
  }
  return known ? dims : std::vector<std::int64_t>{kSeveral};
}

bool LearnedPlaces::is_one(const std::string& name) const {
  const auto found = dims_.find(name);
  return found != dims_.end() && std::all_of(found->second.begin(), found->second.end(),
                                             [](std::int64_t dim) { return dim == 1; });
}

// [heads, 1, 1], perhaps with ones in front.
bool LearnedPlaces::is_per_head(const std::string& name) const {
  const auto found = dims_.find(name);
  if (found == dims_.end() || found->second.size() < 3) {
    return false;
  }
  const std::vector<std::int64_t>& dims = found->second;
  return dims[dims.size() - 1] == 1 && dims[dims.size() - 2] == 1 && dims[dims.size() - 3] > 1;
}

const LearnedPlaces::Trait& LearnedPlaces::trait(const std::string& name) const {
  static const Trait none;
  const auto found = traits_.find(name);
  return found == traits_.end() ? none : found->second;
}

void LearnedPlaces::follow_forward() {
  for (const FlatNode& node : graph_.nodes) {
    Trait made = norm_trait(node);
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
      const PlaceOfInput* rule = find_place(node, static_cast<int>(slot));
      const bool weight = rule != nullptr && rule->place == Place::kWeight;
      made.before = made.before || trait(node.inputs[slot]).before ||
                    (weight && is_stored(node.inputs[slot]));
    }
    for (const std::string& output : node.outputs) {
      if (!output.empty() && !is_stored(output)) {
        traits_[output] = made;
      }
    }
  }
}

void LearnedPlaces::follow_backward() {
  for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
    const FlatNode& node = graph_.nodes[i];
    bool after = std::any_of(node.outputs.begin(), node.outputs.end(),
                             [&](const std::string& output) { return trait(output).after; });
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
      const PlaceOfInput* rule = find_place(node, static_cast<int>(slot));
      after = after ||
              (rule != nullptr && rule->place == Place::kWeight && is_stored(node.inputs[slot]));
    }
    if (after) {
      graph_.for_each_read(node, [&](const std::string& name) {
        if (!name.empty()) {
          traits_[name].after = true;
        }
      });
    }
  }
}

// What the statistics of a norm are made of: x - mean(x) is divided by the root of mean of squares,
// or multiplied by the root's inverse, with a small number added before or after the root.
LearnedPlaces::Trait LearnedPlaces::norm_trait(const FlatNode& node) const {
  Trait made;
  if (node.inputs.empty()) {
    return made;
  }
  const Trait& first = trait(node.inputs[0]);
  const bool stored = is_stored(node.inputs[0]);
  switch (facts_of(node).arithmetic) {
    case Arithmetic::kMean:
      made.reduced = !stored;
      break;
    case Arithmetic::kLength:
      made.deviation = !stored;
      break;
    case Arithmetic::kNormalise:
      made.normal = true;
      break;
    case Arithmetic::kRoot:
      made.deviation = first.is_spread();
      break;
    case Arithmetic::kPower:
      made.reduced = first.reduced;
      made.deviation = first.is_spread();
      break;
    case Arithmetic::kInverse:
    case Arithmetic::kSign:
    case Arithmetic::kClip:
      made.reduced = first.reduced;
      made.deviation = first.deviation;
      break;
    case Arithmetic::kAdd:
    case Arithmetic::kSubtract:
    case Arithmetic::kMultiply:
    case Arithmetic::kDivide:
    case Arithmetic::kExtremum:
      made = combined(node);
      break;
    case Arithmetic::kAddAll:
    case Arithmetic::kLogarithm:
      break;
    case Arithmetic::kNone:
      if (passes_on(node)) {
        made.reduced = first.reduced;
        made.deviation = first.deviation;
        made.normal = first.normal;
      }
      break;
  }
  return made;
}

LearnedPlaces::Trait LearnedPlaces::combined(const FlatNode& node) const {
  Trait made;
  bool all_spread = true;
  std::size_t dynamic = 0;
  for (const std::string& input : node.inputs) {
    if (!input.empty() && !is_stored(input)) {
      const Trait& from = trait(input);
      ++dynamic;
      all_spread = all_spread && from.is_spread();
      made.reduced = made.reduced || from.reduced;
      made.deviation = made.deviation || from.deviation;
      made.normal = made.normal || from.normal;
    }
  }
  const bool product = is_product(node) && node.inputs.size() == 2;
  Trait result;
  if (dynamic > 0 && all_spread) {
    result.reduced = made.reduced;
    result.deviation = made.deviation;
  } else if (product && dynamic == 2) {
    result.normal =
        computes(node, Arithmetic::kDivide) ? trait(node.inputs[1]).deviation : made.deviation;
  } else if (product && dynamic == 1) {
    result.normal = made.normal && (is_one(node.inputs[0]) || is_one(node.inputs[1]));
  }
  return result;
}

}  // namespace temper::graph
