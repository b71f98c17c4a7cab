#include "tools/cli/diff_report.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"
#include "tools/cli/list_json.h"

namespace temper::cli {
namespace {

using training::FactDiff;
using training::LayerDiff;
using training::ModelDiff;
using training::StructureDiff;
using training::TensorDifference;
using training::ValuePair;
using training::WeightDiff;
using training::WeightPair;

constexpr std::size_t kMostLines = 40;  // of a list; --json has all
constexpr std::size_t kMostText = 60;   // of a fact

std::string shown(const std::string& text) {
  return text.empty()               ? std::string("none")
         : text.size() <= kMostText ? text
                                    : text.substr(0, kMostText - 3) + "...";
}

std::string number(double value) { return digits_text(value, 4); }

// Lines under a heading, the first of many.
void add_lines(std::string& text, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < std::min(lines.size(), kMostLines); ++i) {
    text += concat("  ", lines[i], "\n");
  }
  if (lines.size() > kMostLines) {
    text += concat("  (and ", lines.size() - kMostLines, " more; --json has all)\n");
  }
}

std::string difference_text(const TensorDifference& difference) {
  if (difference.equal) {
    return "equal";
  }
  return concat(
      "differs by ", number(difference.largest), " at most (", number(difference.relative()),
      " of the largest value), ", number(difference.mean), " on average, cosine ",
      digits_text(difference.cosine, 8),
      difference.ulps ? concat(", ", digits_text(*difference.ulps, 8), " ulps") : std::string());
}

std::string type_text(const WeightPair& pair) {
  return pair.type_a == pair.type_b ? pair.type_a : concat(pair.type_a, " -> ", pair.type_b);
}

std::string weight_line(const WeightPair& pair) {
  const std::string name = pair.is_renamed() ? concat(pair.a, " -> ", pair.b) : pair.a;
  const std::string shape = pair.shape_a == pair.shape_b
                                ? to_string(pair.shape_a)
                                : concat(pair.shape_a, " -> ", pair.shape_b);
  return concat(name, "  ", type_text(pair), shape, "  ",
                !pair.trouble.empty() ? pair.trouble
                : pair.difference     ? difference_text(*pair.difference)
                                      : std::string("of other shape"));
}

void add_structure(std::string& text, const StructureDiff& structure) {
  std::vector<std::string> lines;
  for (const FactDiff& fact : structure.facts) {
    lines.push_back(concat(fact.what, ": ", shown(fact.a), " -> ", shown(fact.b)));
  }
  for (const graph::NodeFacts& node : structure.only_a) {
    lines.push_back(concat("only in A: ", node.label));
  }
  for (const graph::NodeFacts& node : structure.only_b) {
    lines.push_back(concat("only in B: ", node.label));
  }
  for (const training::NodeDiff& node : structure.changed) {
    for (const FactDiff& fact : node.facts) {
      lines.push_back(
          concat(node.a.label, ": ", fact.what, " ", shown(fact.a), " -> ", shown(fact.b)));
    }
  }
  text += concat("\nstructure: ", structure.nodes_a, " nodes and ", structure.nodes_b,
                 lines.empty() ? ", equal\n" : "\n");
  add_lines(text, lines);
}

void add_weights(std::string& text, const WeightDiff& weights) {
  std::vector<std::string> lines;
  std::size_t equal = 0, renamed = 0;
  for (const WeightPair& pair : weights.pairs) {
    equal += pair.equal() ? 1u : 0u;
    renamed += pair.equal() && pair.is_renamed() ? 1u : 0u;
    if (!pair.equal() || pair.is_renamed()) {
      lines.push_back(weight_line(pair));
    }
  }
  const auto lone = [&](const char* where, const std::vector<training::LoneWeight>& list) {
    for (const training::LoneWeight& weight : list) {
      lines.push_back(concat(where, weight.name, "  ", weight.type, weight.shape));
    }
  };
  lone("only in A: ", weights.only_a);
  lone("only in B: ", weights.only_b);
  text += concat("\nstored tensors: ", equal, " equal",
                 renamed == 0 ? "" : concat(" (", renamed, " of them renamed)"), ", ",
                 weights.pairs.size() - equal, " differ, ", weights.only_a.size(), " only in A, ",
                 weights.only_b.size(), " only in B\n");
  add_lines(text, lines);
}

std::string value_line(const ValuePair& pair) {
  const std::string name = pair.a == pair.b ? pair.a : concat(pair.a, " -> ", pair.b);
  return concat("'", name, "' ", pair.shape_a, ": ",
                pair.difference ? difference_text(*pair.difference)
                                : concat("of shape ", pair.shape_b, " in B"));
}

std::string layer_text(const ValuePair& pair) {
  return concat(pair.layer, pair.layer_b == pair.layer ? "" : concat(" (", pair.layer_b, " in B)"),
                pair.scope.empty() ? "" : concat(", module ", pair.scope));
}

// Its stored tensors that differ.
std::vector<std::string> differing_tensors(const ValuePair& pair, const WeightDiff& weights) {
  std::vector<std::string> names;
  for (const WeightPair& weight : weights.pairs) {
    if (!weight.equal() &&
        std::find(pair.tensors.begin(), pair.tensors.end(), weight.a) != pair.tensors.end()) {
      names.push_back(weight.a);
    }
  }
  return names;
}

void add_layers(std::string& text, const ModelDiff& diff, double tolerance) {
  const LayerDiff& layers = *diff.layers;
  text += concat("\nrun on ", diff.inputs, "\n");
  for (const ValuePair& output : diff.outputs) {
    text += concat("  output ", value_line(output), "\n");
  }
  if (layers.other_count_of_outputs) {
    text += "  one model has more outputs than the other\n";
  }
  const ValuePair* first = layers.first(tolerance);
  const std::string counts = concat(layers.values.size(), " values of both, ", layers.only_a,
                                    " only of A, ", layers.only_b, " only of B");
  if (first == nullptr) {
    text += concat("no layer differs by more (", counts, ")\n");
    return;
  }
  const std::vector<std::string> tensors = differing_tensors(*first, diff.weights);
  text +=
      concat("first layer that differs: ", layer_text(*first), "\n  ", value_line(*first), "\n");
  text += tensors.empty() ? "" : concat("  its tensors that differ: ", join(tensors, ", "), "\n");
  text += concat("  (", counts, ")\n");
}

using training::JsonValue;

JsonValue difference_json(const std::optional<TensorDifference>& made) {
  if (!made) {
    return {};
  }
  JsonValue json = JsonValue::object();
  json.set("equal", made->equal);
  json.set("elements", made->elements);
  json.set("differing", made->differing);
  json.set("largest", made->largest);
  json.set("mean", made->mean);
  json.set("largest_value", made->largest_value);
  json.set("relative", made->relative());
  json.set("cosine", made->cosine);
  json.set("ulps", made->ulps ? JsonValue(*made->ulps) : JsonValue());
  return json;
}

JsonValue value_json(const ValuePair& pair) {
  JsonValue json = JsonValue::object();
  json.set("a", pair.a);
  json.set("b", pair.b);
  json.set("layer", pair.layer);
  json.set("layer_b", pair.layer_b);
  json.set("scope", pair.scope);
  json.set("shape_a", JsonValue::array_of(pair.shape_a));
  json.set("shape_b", JsonValue::array_of(pair.shape_b));
  json.set("difference", difference_json(pair.difference));
  return json;
}

JsonValue facts_json(const std::vector<FactDiff>& facts) {
  JsonValue list = JsonValue::array();
  for (const FactDiff& fact : facts) {
    JsonValue one = JsonValue::object();
    one.set("what", fact.what);
    one.set("a", fact.a);
    one.set("b", fact.b);
    list.push_back(std::move(one));
  }
  return list;
}

JsonValue structure_json(const StructureDiff& structure) {
  const auto label = [](const graph::NodeFacts& node) { return JsonValue(node.label); };
  JsonValue json = JsonValue::object();
  json.set("facts", facts_json(structure.facts));
  json.set("only_a", list_json(structure.only_a, label));
  json.set("only_b", list_json(structure.only_b, label));
  json.set("changed", list_json(structure.changed, [](const training::NodeDiff& node) {
             JsonValue one = JsonValue::object();
             one.set("a", node.a.label);
             one.set("b", node.b.label);
             one.set("facts", facts_json(node.facts));
             return one;
           }));
  return json;
}

JsonValue weights_json(const WeightDiff& weights) {
  const auto name = [](const training::LoneWeight& weight) { return JsonValue(weight.name); };
  JsonValue json = JsonValue::object();
  json.set("pairs", list_json(weights.pairs, [](const WeightPair& pair) {
             JsonValue one = JsonValue::object();
             one.set("a", pair.a);
             one.set("b", pair.b);
             one.set("type_a", pair.type_a);
             one.set("type_b", pair.type_b);
             one.set("shape_a", JsonValue::array_of(pair.shape_a));
             one.set("shape_b", JsonValue::array_of(pair.shape_b));
             one.set("difference", difference_json(pair.difference));
             if (!pair.trouble.empty()) {
               one.set("trouble", pair.trouble);
             }
             return one;
           }));
  json.set("only_a", list_json(weights.only_a, name));
  json.set("only_b", list_json(weights.only_b, name));
  return json;
}

}  // namespace

std::string diff_text(const ModelDiff& diff, double tolerance) {
  std::string text = concat("A  ", diff.a.path, "  (", diff.a.format, ")\nB  ", diff.b.path, "  (",
                            diff.b.format, ")\n");
  if (diff.structure) {
    add_structure(text, *diff.structure);
  }
  add_weights(text, diff.weights);
  if (diff.layers) {
    add_layers(text, diff, tolerance);
  }
  return text;
}

JsonValue diff_json(const ModelDiff& diff, double tolerance) {
  JsonValue json = JsonValue::object();
  json.set("a", diff.a.path);
  json.set("b", diff.b.path);
  if (diff.structure) {
    json.set("structure", structure_json(*diff.structure));
  }
  json.set("weights", weights_json(diff.weights));
  if (diff.layers) {
    const ValuePair* first = diff.layers->first(tolerance);
    json.set("inputs", diff.inputs);
    json.set("outputs", list_json(diff.outputs, value_json));
    json.set("first_difference", first == nullptr ? JsonValue() : value_json(*first));
    json.set("values", list_json(diff.layers->values, value_json));
    json.set("values_only_a", diff.layers->only_a);
    json.set("values_only_b", diff.layers->only_b);
  }
  json.set("notes", JsonValue::array_of(diff.notes));
  return json;
}

}  // namespace temper::cli
