#include "graph/onnx/learned_places.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/place_arithmetic.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr int kMaxSteps = 16;  // through ops that only move elements: a hostile file has many

}  // namespace

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

// Such a pair by channels right behind a convolution without bias, where a learned one would say
// nothing that the convolution does not: a normalisation with stored statistics, folded.
bool LearnedPlaces::is_folded_norm(const FlatNode& mul, const FlatNode& add) const {
  if (!is_affine_pair(mul, add)) {
    return false;
  }
  const std::size_t scale = is_stored(mul.inputs[1]) ? 1 : 0;
  const FlatNode* from = made_by(other_input(mul, scale));
  const auto dims = dims_.find(mul.inputs[scale]);
  return from != nullptr && facts_of(*from).linear == Linear::kConvolution &&
         from->inputs.size() == 2 && dims != dims_.end() && dims->second.size() > 1 &&
         dims->second.back() == 1 && !is_one(mul.inputs[scale]);
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
  if (fixed_.frozen_norms.contains(node.inputs[slot]) ||
      (from != nullptr && is_product(*from) && is_folded_norm(*from, node))) {
    return {Kind::kOther,
            concat("shift of a normalisation with stored statistics at ", node.label())};
  }
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
  const FlatNode* end = next;  // behind what else is added
  for (int step = 0; step < kMaxSteps && end != nullptr && computes(*end, Arithmetic::kAdd) &&
                     !end->outputs.empty();
       ++step) {
    end = only_reader(end->outputs[0]);
  }
  if (end != nullptr && facts_of(*end).activation == Activation::kSoftmax && from != nullptr &&
      !is_linear(other, false)) {
    return {Kind::kScores, concat("added to the scores of ", end->label())};
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
  if (fixed_.frozen_norms.contains(node.inputs[slot]) ||
      (next != nullptr && is_folded_norm(node, *next))) {
    return {Kind::kOther,
            concat("scale of a normalisation with stored statistics at ", node.label())};
  }
  if (is_one(node.inputs[slot]) && fixed_.exponentials.contains(node.inputs[slot]) && from.before) {
    return {Kind::kTemperature, concat("temperature at ", node.label())};
  }
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

// Joined along another axis than its last one, to features of which nothing is cut off: what takes
// the place of a part is the padding of a shift by some steps.
bool LearnedPlaces::is_beside_all(const FlatNode& node, std::size_t slot) const {
  const bool cut =
      std::any_of(node.inputs.begin(), node.inputs.end(), [&](const std::string& input) {
        const FlatNode* from = is_stored(input) ? nullptr : made_by(input);
        return from != nullptr && facts_of(*from).movement == Movement::kPart;
      });
  const wire::AttributeProto* axis = node.find("axis");
  const auto found = dims_.find(node.inputs[slot]);
  const auto rank = static_cast<std::int64_t>(found == dims_.end() ? 0 : found->second.size());
  return !cut && axis != nullptr && axis->i() != -1 && (rank < 2 || axis->i() != rank - 1);
}

// A token beside those that layers made of the input: a class token, a prompt.
LearnedPlace LearnedPlaces::joined(const FlatNode& node, std::size_t slot) const {
  using Kind = LearnedPlace::Kind;
  const bool before = std::any_of(node.inputs.begin(), node.inputs.end(),
                                  [&](const std::string& input) { return trait(input).before; });
  return {!before || !trait(node.outputs[0]).after ? Kind::kOther
          : is_beside_all(node, slot)              ? Kind::kToken
                                                   : Kind::kJoined,
          concat("joined to the features at ", node.label())};
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
  if (facts_of(node).movement == Movement::kJoin && facts_of(node).max_inputs < 0 &&
      !node.outputs.empty()) {
    return joined(node, slot);
  }
  // Keras writes x a + (shift - mean a).
  if (computes(node, Arithmetic::kSubtract) && slot == 0 && node.inputs.size() == 2 &&
      !is_one(node.inputs[0]) && trait(node.inputs[1]).is_spread()) {
    return {Kind::kBias, concat("shift of the normalisation at ", node.label())};
  }
  return {Kind::kOther, concat("input ", slot, " of ", node.label())};
}

}  // namespace temper::graph
