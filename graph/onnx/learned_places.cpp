#include "graph/onnx/learned_places.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/model_file.h"
#include "graph/onnx/places.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr int kMaxSteps = 16;  // through ops that only move elements: a hostile file has many
constexpr std::int64_t kSeveral = 2;

template <class... Kinds>
bool computes(const FlatNode& node, Kinds... kinds) {
  const Arithmetic arithmetic = facts_of(node).arithmetic;
  return ((arithmetic == kinds) || ...);
}

bool is_product(const FlatNode& node) {
  return computes(node, Arithmetic::kMultiply, Arithmetic::kDivide);
}

// Elements keep their order or are only dropped in training.
bool passes_on(const FlatNode& node) {
  const OpDef& op = facts_of(node);
  return op.keeps_elements() || op.movement == Movement::kDrop ||
         op.movement == Movement::kBroadcast;
}

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

LearnedPlaces::LearnedPlaces(const FlatGraph& graph, const std::unordered_set<std::string>& stored)
    : graph_(graph), stored_(stored) {
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
    } else if (const OpDef& op = facts_of(node); op.keeps_elements()) {
      const bool one = is_one(node.inputs[0]);
      const bool same = op.movement == Movement::kSame || op.movement == Movement::kConvert;
      dims = same  ? dims_[node.inputs[0]]
             : one ? std::vector<std::int64_t>{1}
                   : std::vector<std::int64_t>{kSeveral};
    } else {
      dims = {kSeveral};
    }
  }
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

const std::string& LearnedPlaces::other_input(const FlatNode& node, std::size_t slot) const {
  static const std::string none;
  return node.inputs.size() == 2 ? node.inputs[1 - slot] : none;
}

// The node whose result this is, seen through what only moves it; null for an input.
const FlatNode* LearnedPlaces::made_by(const std::string& name) const {
  const std::string* at = &name;
  for (int step = 0; step < kMaxSteps; ++step) {
    const auto found = producers_.find(*at);
    if (found == producers_.end()) {
      return nullptr;
    }
    const FlatNode& node = graph_.nodes[found->second];
    if (!passes_on(node) || node.inputs.empty()) {
      return &node;
    }
    at = &node.inputs[0];
  }
  return nullptr;
}

const FlatNode* LearnedPlaces::only_reader(const std::string& name) const {
  const std::string* at = &name;
  for (int step = 0; step < kMaxSteps; ++step) {
    const auto found = readers_.find(*at);
    if (found == readers_.end() || found->second.size() != 1) {
      return nullptr;
    }
    const FlatNode& node = graph_.nodes[found->second.front()];
    if (!passes_on(node) || node.outputs.empty()) {
      return &node;
    }
    at = &node.outputs[0];
  }
  return nullptr;
}

// A product with a stored tensor that is not the scale of a norm.
bool LearnedPlaces::is_scaled(const FlatNode* node) const {
  if (node == nullptr || !is_product(*node) || node->inputs.size() != 2) {
    return false;
  }
  for (std::size_t slot = 0; slot < 2; ++slot) {
    const Trait& from = trait(node->inputs[1 - slot]);
    if (is_stored(node->inputs[slot]) && !from.normal && !from.deviation) {
      return true;
    }
  }
  return false;
}

// The result of a matrix product or convolution with stored weights.
bool LearnedPlaces::is_linear(const std::string& name, bool without_bias) const {
  const FlatNode* node = made_by(name);
  if (node == nullptr || node->inputs.size() < 2 || facts_of(*node).linear == Linear::kNone) {
    return false;
  }
  const bool bias = node->inputs.size() > 2 && !node->inputs[2].empty();
  return (is_stored(node->inputs[0]) || is_stored(node->inputs[1])) && !(without_bias && bias);
}

// The same, perhaps with a bias of its own.
bool LearnedPlaces::is_layer_output(const std::string& name) const {
  const FlatNode* node = made_by(name);
  if (node != nullptr && computes(*node, Arithmetic::kAdd) && node->inputs.size() == 2) {
    return (is_stored(node->inputs[0]) && is_linear(node->inputs[1], false)) ||
           (is_stored(node->inputs[1]) && is_linear(node->inputs[0], false));
  }
  return is_linear(name, false);
}

// x scale + shift between two layers, both of one size.
bool LearnedPlaces::is_affine_pair(const FlatNode& mul, const FlatNode& add) const {
  if (!computes(mul, Arithmetic::kMultiply) || !computes(add, Arithmetic::kAdd) ||
      mul.inputs.size() != 2 || add.inputs.size() != 2) {
    return false;
  }
  const std::size_t scale = is_stored(mul.inputs[1]) ? 1 : 0;
  const std::size_t shift = is_stored(add.inputs[1]) ? 1 : 0;
  const FlatNode* next = only_reader(add.outputs[0]);
  const bool bounded = next != nullptr && computes(*next, Arithmetic::kClip, Arithmetic::kExtremum);
  return is_stored(mul.inputs[scale]) && is_stored(add.inputs[shift]) &&
         is_one(mul.inputs[scale]) == is_one(add.inputs[shift]) && !bounded &&
         trait(mul.inputs[1 - scale]).before && trait(add.outputs[0]).after;
}

LearnedPlace LearnedPlaces::addend(const FlatNode& node, std::size_t slot) const {
  using Kind = LearnedPlace::Kind;
  const std::string& other = other_input(node, slot);
  const LearnedPlace learned = {Kind::kBias, concat("addend of ", node.label())};
  if (other.empty() || node.outputs.empty()) {
    return learned;
  }
  const FlatNode* next = only_reader(node.outputs[0]);
  const FlatNode* from = made_by(other);
  if (next != nullptr && computes(*next, Arithmetic::kRoot)) {
    return {Kind::kOther, concat("added under the root of ", next->label())};
  }
  if (is_one(node.inputs[slot])) {
    const bool bounded = next != nullptr && computes(*next, Arithmetic::kClip);
    const bool pair = from != nullptr && is_affine_pair(*from, node);
    return pair || (is_linear(other, true) && !bounded)
               ? learned
               : LearnedPlace{Kind::kOther, concat("one number added by ", node.label())};
  }
  if (is_stored(other)) {
    return learned;
  }
  const bool scaled_before = is_scaled(from);
  const bool scaled_after = next != nullptr && is_scaled(next);
  if (!trait(other).before && (scaled_before || scaled_after)) {
    return {Kind::kOther, concat("a shift of the model's input by ", node.label())};
  }
  if (!trait(node.outputs[0]).after &&
      (scaled_before || (scaled_after && !is_linear(other, true)))) {
    return {Kind::kOther, concat("a shift of the model's output by ", node.label())};
  }
  return learned;
}

LearnedPlace LearnedPlaces::factor(const FlatNode& node, std::size_t slot) const {
  using Kind = LearnedPlace::Kind;
  const LearnedPlace fixed = {Kind::kOther, concat("a factor of ", node.label())};
  const std::string& other = other_input(node, slot);
  if (other.empty() || node.outputs.empty() || is_stored(other) ||
      (computes(node, Arithmetic::kDivide) && slot == 0)) {
    return fixed;
  }
  const Trait& from = trait(other);
  const FlatNode* next = only_reader(node.outputs[0]);
  if (!is_one(node.inputs[slot])) {
    if (from.normal || from.deviation) {
      return {Kind::kScale, concat("scale of the normalisation at ", node.label())};
    }
    if (next != nullptr && computes(*next, Arithmetic::kAdd) && next->inputs.size() == 2 &&
        !is_stored(next->inputs[0]) && !is_stored(next->inputs[1]) && is_layer_output(other) &&
        trait(node.outputs[0]).after) {
      return {Kind::kScale, concat("scale of the branch that ", next->label(), " adds")};
    }
    const FlatNode* scores = made_by(other);
    if (is_per_head(node.inputs[slot]) && scores != nullptr &&
        facts_of(*scores).is_bare_product() && trait(node.outputs[0]).after) {
      return {Kind::kScale, concat("scale per head at ", node.label())};
    }
  }
  if (next != nullptr && is_affine_pair(node, *next)) {
    return {Kind::kScale, concat("scale of the affine pair at ", node.label())};
  }
  return fixed;
}

LearnedPlace LearnedPlaces::at(std::size_t index, std::size_t slot) const {
  const FlatNode& node = graph_.nodes[index];
  using Kind = LearnedPlace::Kind;
  if (computes(node, Arithmetic::kAdd, Arithmetic::kAddAll)) {
    return addend(node, slot);
  }
  if (is_product(node)) {
    return factor(node, slot);
  }
  // Keras writes x a + (shift - mean a).
  if (computes(node, Arithmetic::kSubtract) && slot == 0 && node.inputs.size() == 2 &&
      !is_one(node.inputs[0]) && trait(node.inputs[1]).is_spread()) {
    return {Kind::kBias, concat("shift of the normalisation at ", node.label())};
  }
  return {Kind::kOther, concat("input ", slot, " of ", node.label())};
}

}  // namespace temper::graph
