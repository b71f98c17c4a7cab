// One pass forward (which values come from stored tensors only) and one backward (what becomes of
// them).
#include "graph/onnx/tensor_uses.h"

#include <algorithm>
#include <unordered_set>

#include <onnx.pb.h>

#include "graph/onnx/fixed_values.h"
#include "graph/onnx/learned_places.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/places.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

void keep_first(std::string& text, const std::string& fresh) {
  if (text.empty()) {
    text = fresh;
  }
}

void merge(TensorUse& use, const TensorUse& more) {
  use.used = use.used || more.used;
  keep_first(use.weight, more.weight);
  keep_first(use.scale, more.scale);
  keep_first(use.bias, more.bias);
  keep_first(use.statistic, more.statistic);
  keep_first(use.other, more.other);
  keep_first(use.part, more.part);
  keep_first(use.constant, more.constant);
  keep_first(use.scores, more.scores);
  keep_first(use.joined, more.joined);
  use.token = use.token || more.token;
  keep_first(use.temperature, more.temperature);
}

std::string& text_of(TensorUse& use, LearnedPlace::Kind kind) {
  switch (kind) {
    case LearnedPlace::Kind::kScale:
      return use.scale;
    case LearnedPlace::Kind::kBias:
      return use.bias;
    case LearnedPlace::Kind::kScores:
      return use.scores;
    case LearnedPlace::Kind::kJoined:
    case LearnedPlace::Kind::kToken:
      return use.joined;
    case LearnedPlace::Kind::kTemperature:
      return use.temperature;
    case LearnedPlace::Kind::kOther:
      break;
  }
  return use.other;
}

// Whether the inputs of a node that computes carry its output's place where that is a scale or a
// bias: a sum, an activation, a change of the shape, or arithmetic with single numbers.
bool carries_place(const LearnedPlaces& places, const FlatNode& node, std::size_t slot) {
  const OpDef& op = facts_of(node);
  const bool bounds = op.arithmetic == Arithmetic::kClip || op.arithmetic == Arithmetic::kExtremum;
  if (places.is_one(node.inputs[slot]) && slot > 0) {
    return false;
  }
  if (!places.is_one(node.inputs[slot]) &&
      (op.arithmetic == Arithmetic::kAdd || op.arithmetic == Arithmetic::kSubtract)) {
    return true;
  }
  for (std::size_t other = 0; other < node.inputs.size(); ++other) {
    const bool shapes = std::find(op.absorbed_inputs.begin(), op.absorbed_inputs.end(),
                                  static_cast<int>(other)) != op.absorbed_inputs.end();
    if (other != slot && !shapes && !node.inputs[other].empty() &&
        !places.is_one(node.inputs[other])) {
      return false;
    }
    if (other != slot && places.is_one(node.inputs[slot]) && !bounds) {
      return false;
    }
  }
  switch (op.arithmetic) {
    case Arithmetic::kAdd:
    case Arithmetic::kSubtract:
    case Arithmetic::kMultiply:
    case Arithmetic::kDivide:
    case Arithmetic::kExtremum:
    case Arithmetic::kClip:
    case Arithmetic::kSign:
    case Arithmetic::kInverse:
    case Arithmetic::kPower:
    case Arithmetic::kRoot:
    case Arithmetic::kLogarithm:
      return true;
    default:
      return op.activation != Activation::kNone || !op.absorbed_inputs.empty();
  }
}

// Sums of products of 8-bit integers, such as a bias, have the product of both scales: one that
// trained apart from them would belong to no kernel of integers.
bool is_scale_of_sums(const FlatNode& node, std::size_t slot,
                      const std::unordered_set<std::string>& sums) {
  return facts_of(node).movement == Movement::kUnround && slot > 0 && sums.contains(node.inputs[0]);
}

// What a stored tensor is from which a node computes, by what becomes of the outputs.
void carry(TensorUse& use, const TensorUse& through, const LearnedPlaces& places,
           const FlatNode& node, std::size_t slot) {
  if (!through.weight.empty() || !through.part.empty()) {
    if (!places.is_one(node.inputs[slot])) {
      keep_first(use.part,
                 through.weight.empty() ? through.part : concat("part of the ", through.weight));
      return;
    }
  } else if (carries_place(places, node, slot)) {
    return merge(use, through);
  }
  keep_first(use.other, concat("input ", slot, " of ", node.label()));
}

}  // namespace

std::unordered_map<std::string, TensorUse> find_tensor_uses(const FlatGraph& graph) {
  using Flow = FixedValues::Flow;
  const FixedValues fixed = find_fixed_values(graph);
  const std::unordered_set<std::string>& stored = fixed.stored;
  const LearnedPlaces places(graph, fixed);
  std::unordered_set<std::string> sums;
  for (const auto& [name, tensor] : graph.initializers) {
    if (facts_of_type(tensor->data_type()).dtype == DType::kInt32) {
      sums.insert(name);
    }
  }
  std::unordered_map<std::string, TensorUse> uses;
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {
    const FlatNode& node = graph.nodes[i];
    TensorUse through;
    if (fixed.flows[i] != Flow::kNone) {
      for (const std::string& output : node.outputs) {
        const auto found = uses.find(output);
        if (found != uses.end()) {
          merge(through, found->second);
        }
      }
    }
    for (const int body : node.bodies) {
      for (const std::string& name : graph.bodies[static_cast<std::size_t>(body)].outputs) {
        if (stored.contains(name)) {
          uses[name].used = true;
          keep_first(uses[name].other, concat("given by a body of ", node.label()));
        }
      }
    }
    for (std::size_t slot = 0; slot < node.inputs.size(); ++slot) {
      const std::string& name = node.inputs[slot];
      if (name.empty() || !stored.contains(name)) {
        continue;
      }
      TensorUse& use = uses[name];
      use.used = true;
      if (fixed.flows[i] == Flow::kMoves && static_cast<int>(slot) < moved_inputs(node)) {
        merge(use, through);
        continue;
      }
      if (const PlaceOfInput* rule = find_place(node, static_cast<int>(slot))) {
        std::string& text = rule->place == Place::kWeight ? use.weight
                            : rule->place == Place::kBias ? use.bias
                                                          : use.statistic;
        keep_first(text, concat(rule->what, " of ", node.label()));
        if (fixed.flows[i] == Flow::kComputes && slot == 0 && rule->place == Place::kWeight &&
            facts_of(node).linear == Linear::kMatrix) {
          keep_first(use.constant, concat("input of ", node.label()));
        }
        continue;
      }
      if (fixed.flows[i] == Flow::kComputes && !is_scale_of_sums(node, slot, sums)) {
        carry(use, through, places, node, slot);
        continue;
      }
      if (is_scale_of_sums(node, slot, sums)) {
        keep_first(use.other, concat("scale of a bias in 32-bit integers at ", node.label()));
        continue;
      }
      const LearnedPlace place = places.at(i, slot);
      keep_first(text_of(use, place.kind), place.what);
      use.token = use.token || place.kind == LearnedPlace::Kind::kToken;
    }
  }
  return uses;
}

}  // namespace temper::graph
