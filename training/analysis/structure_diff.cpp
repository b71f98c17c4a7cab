#include "training/analysis/structure_diff.h"

#include <algorithm>
#include <functional>
#include <unordered_map>

#include "runtime/base/concat.h"

namespace temper::training {
namespace {

using graph::NodeFacts;
using graph::OnnxModel;
using graph::OnnxValueInfo;

using Facts = std::map<std::string, std::string>;

std::string value_text(const OnnxValueInfo& value) {
  std::string dims;
  for (const graph::Dim& dim : value.dims) {
    dims += concat(dims.empty() ? "" : ",", dim.value >= 0       ? concat(dim.value)
                                            : dim.symbol.empty() ? std::string("?")
                                                                 : dim.symbol);
  }
  return concat(value.file_type,
                value.rank_known ? concat("[", dims, "]") : std::string(" of any shape"));
}

std::vector<std::pair<std::string, std::string>> facts_of(const OnnxModel& model) {
  std::vector<std::pair<std::string, std::string>> facts;
  facts.emplace_back("IR version", concat(model.ir_version()));
  facts.emplace_back("producer", model.producer());
  facts.emplace_back("graph", model.graph_name());
  for (const auto& [domain, version] : model.opsets()) {
    facts.emplace_back(domain.empty() ? "opset" : concat("opset of ", domain), concat(version));
  }
  for (const OnnxValueInfo& input : model.inputs()) {
    facts.emplace_back(concat("input '", input.name, "'"), value_text(input));
  }
  for (const OnnxValueInfo& output : model.outputs()) {
    facts.emplace_back(concat("output '", output.name, "'"), value_text(output));
  }
  for (const auto& [key, value] : model.metadata()) {
    facts.emplace_back(concat("metadata ", key), value);
  }
  return facts;
}

// What both say, in the order of the first, with what only the second says behind.
std::vector<FactDiff> differing(const std::vector<std::pair<std::string, std::string>>& a,
                                const std::vector<std::pair<std::string, std::string>>& b) {
  const Facts of_a(a.begin(), a.end()), of_b(b.begin(), b.end());
  std::vector<FactDiff> facts;
  for (const auto& [what, value] : a) {
    const auto other = of_b.find(what);
    if (other == of_b.end() || other->second != value) {
      facts.push_back({what, value, other == of_b.end() ? "" : other->second});
    }
  }
  for (const auto& [what, value] : b) {
    if (!of_a.contains(what)) {
      facts.push_back({what, "", value});
    }
  }
  return facts;
}

using KeyOf = std::function<std::string(const NodeFacts&)>;

// Partners for nodes without one, of equal keys, in the order of both.
void match(const std::vector<NodeFacts>& a, const std::vector<NodeFacts>& b, const KeyOf& key_of,
           std::vector<int>& of_a, std::vector<bool>& taken) {
  std::unordered_map<std::string, std::vector<int>> waiting;
  for (std::size_t j = b.size(); j-- > 0;) {
    const std::string key = taken[j] ? "" : key_of(b[j]);
    if (!key.empty()) {
      waiting[key].push_back(static_cast<int>(j));  // the first one last
    }
  }
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto found = of_a[i] < 0 ? waiting.find(key_of(a[i])) : waiting.end();
    if (found != waiting.end() && !found->second.empty()) {
      of_a[i] = found->second.back();
      taken[static_cast<std::size_t>(of_a[i])] = true;
      found->second.pop_back();
    }
  }
}

// For each node of a the one of b, or -1.
std::vector<int> partners(const std::vector<NodeFacts>& a, const std::vector<NodeFacts>& b,
                          std::vector<bool>& taken) {
  std::vector<int> of_a(a.size(), -1);
  const KeyOf keys[] = {[](const NodeFacts& node) {
                          return node.outputs.empty() ? "" : concat(node.op, "\n", node.outputs[0]);
                        },
                        [](const NodeFacts& node) {
                          return node.name.empty() ? "" : concat(node.op, "\n", node.name);
                        },
                        [](const NodeFacts& node) {
                          std::string key = node.op;
                          for (const auto& [name, value] : node.attributes) {
                            key += concat("\n", name, "=", value);
                          }
                          return key;
                        },
                        [](const NodeFacts& node) { return node.op; }};
  for (const KeyOf& key_of : keys) {
    match(a, b, key_of, of_a, taken);
  }
  return of_a;
}

}  // namespace

StructureDiff diff_structure(const OnnxModel& a, const OnnxModel& b, const Facts& renamed) {
  StructureDiff diff;
  diff.facts = differing(facts_of(a), facts_of(b));
  const std::vector<NodeFacts> nodes_a = graph::node_facts(a), nodes_b = graph::node_facts(b);
  diff.nodes_a = static_cast<int>(nodes_a.size());
  diff.nodes_b = static_cast<int>(nodes_b.size());
  std::vector<bool> taken(nodes_b.size(), false);
  const std::vector<int> of_a = partners(nodes_a, nodes_b, taken);
  std::unordered_map<std::string, std::string> name_in_b(renamed.begin(), renamed.end());
  const auto pair_up = [&](const auto& some, const auto& others, const auto& name_of) {
    for (std::size_t k = 0; k < std::min(some.size(), others.size()); ++k) {
      name_in_b.emplace(name_of(some[k]), name_of(others[k]));
    }
  };
  const auto own = [](const std::string& name) { return name; };
  pair_up(a.inputs(), b.inputs(), [](const OnnxValueInfo& value) { return value.name; });
  for (std::size_t i = 0; i < nodes_a.size(); ++i) {
    const NodeFacts& one = nodes_a[i];
    if (of_a[i] < 0) {
      diff.only_a.push_back(one);
      continue;
    }
    const NodeFacts& other = nodes_b[static_cast<std::size_t>(of_a[i])];
    NodeDiff node{one, other,
                  differing({one.attributes.begin(), one.attributes.end()},
                            {other.attributes.begin(), other.attributes.end()})};
    std::vector<std::string> expected;
    for (const std::string& input : one.inputs) {
      const auto found = name_in_b.find(input);
      expected.push_back(found == name_in_b.end() ? input : found->second);
    }
    if (expected != other.inputs) {
      node.facts.push_back({"inputs", join(one.inputs, ", "), join(other.inputs, ", ")});
    }
    pair_up(one.outputs, other.outputs, own);
    if (!node.facts.empty()) {
      diff.changed.push_back(std::move(node));
    }
  }
  for (std::size_t j = 0; j < nodes_b.size(); ++j) {
    if (!taken[j]) {
      diff.only_b.push_back(nodes_b[j]);
    }
  }
  return diff;
}

}  // namespace temper::training
