#include "training/analysis/layer_diff.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/concat.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Node;
using graph::NodeId;
using graph::Value;
using graph::ValueId;
using graph::ValueKind;

// Numbers that an exporter counts with: the same one means something else in another export.
bool is_counted(const std::string& name) {
  const std::size_t last = name.find_last_not_of("0123456789");
  return last == std::string::npos ||
         (last + 1 < name.size() && name.substr(0, last + 1) == "val_");
}

bool is_comparable(const Value& value) {
  return value.kind == ValueKind::kNode && value.shape_known && value.dtype != DType::kOpaque &&
         value.dtype != DType::kUndefined;
}

// The nodes' outputs in an order in which they can be computed.
std::vector<ValueId> computed_values(const Graph& graph) {
  std::vector<ValueId> values;
  const std::vector<bool> live = graph::live_nodes(graph);
  for (const NodeId id : graph::topological_order(graph)) {
    if (!live[static_cast<std::size_t>(id.index)]) {
      continue;
    }
    for (const ValueId output : graph.node(id).outputs) {
      if (output.valid() && is_comparable(graph.value(output))) {
        values.push_back(output);
      }
    }
  }
  return values;
}

// Which values of two graphs are the same one.
class ValueMatcher {
 public:
  ValueMatcher(const Graph& a, const Graph& b) : a_(a), b_(b) {
    for (std::size_t i = 0; i < std::min(a.inputs.size(), b.inputs.size()); ++i) {
      class_a_[a.inputs[i]] = class_b_[b.inputs[i]] = next_class_++;
    }
    of_a_ = computed_values(a);
    of_b_ = computed_values(b);
    by_name(false);
    by_structure();
    by_name(true);
  }

  // In the order of a.
  std::vector<std::pair<ValueId, ValueId>> pairs() const {
    std::vector<std::pair<ValueId, ValueId>> all;
    for (const ValueId id : of_a_) {
      const auto found = partner_.find(id);
      if (found != partner_.end()) {
        all.emplace_back(id, found->second);
      }
    }
    return all;
  }
  int only_a() const { return static_cast<int>(of_a_.size() - partner_.size()); }
  int only_b() const { return static_cast<int>(of_b_.size() - taken_.size()); }

 private:
  const Node& producer(const Graph& graph, ValueId id) const {
    return graph.node(graph.value(id).producer);
  }

  void take(ValueId a, ValueId b) {
    partner_[a] = b;
    taken_.insert(b);
  }

  // `counted`: the names with an exporter's numbers, of which only those of one op and shape are
  // taken for the same.
  void by_name(bool counted) {
    std::unordered_map<std::string, ValueId> named;
    for (const ValueId id : of_b_) {
      const std::string& name = b_.value(id).name;
      if (!name.empty() && is_counted(name) == counted && !taken_.contains(id)) {
        named[name] = id;
      }
    }
    for (const ValueId id : of_a_) {
      const auto found = partner_.contains(id) ? named.end() : named.find(a_.value(id).name);
      if (found == named.end()) {
        continue;
      }
      const bool same_op = producer(a_, id).op == producer(b_, found->second).op;
      const bool same_shape = a_.value(id).shape == b_.value(found->second).shape;
      if (counted ? same_op && same_shape : same_op || same_shape) {
        take(id, found->second);
        class_a_[id] = class_b_[found->second] = next_class_++;
      }
    }
  }

  using Classes = std::map<ValueId, int>;

  // What decides a value besides weights, which exporters add, leave out and put on either side:
  // the op, which of its outputs, and from what.
  std::string key_of(const Graph& graph, ValueId id, const Classes& classes) const {
    const Node& node = producer(graph, id);
    std::string key = concat(node.op->name(), " ", graph.value(id).output_index);
    for (const ValueId input : node.inputs) {
      const auto found = input.valid() ? classes.find(input) : classes.end();
      key += found == classes.end() ? std::string() : concat(" ", found->second);
    }
    return key;
  }

  // Calls f(value, key) with a key that no two values of the graph share, for those that depend on
  // the inputs and have no class by name; f returns the class.
  template <class F>
  void for_each_key(const Graph& graph, const std::vector<ValueId>& values, Classes& classes, F f) {
    std::map<std::string, int> times;
    for (const ValueId id : values) {
      if (classes.contains(id)) {
        continue;
      }
      const Node& node = producer(graph, id);
      const bool of_inputs =
          std::any_of(node.inputs.begin(), node.inputs.end(),
                      [&](ValueId input) { return input.valid() && classes.contains(input); });
      if (!of_inputs) {  // made of weights alone: as good as one
        continue;
      }
      const bool passes = node.op->movement == graph::Movement::kSame ||
                          node.op->movement == graph::Movement::kConvert;
      const auto from =
          passes && !node.inputs.empty() ? classes.find(node.inputs.front()) : classes.end();
      if (from != classes.end()) {
        classes[id] = from->second;
        continue;
      }
      const std::string key = key_of(graph, id, classes);
      classes[id] = f(id, concat(key, " #", times[key]++));
    }
  }

  void by_structure() {
    std::unordered_map<std::string, std::pair<ValueId, int>> known;
    for_each_key(a_, of_a_, class_a_, [&](ValueId id, const std::string& key) {
      known[key] = {id, next_class_};
      return next_class_++;
    });
    for_each_key(b_, of_b_, class_b_, [&](ValueId id, const std::string& key) {
      const auto found = known.find(key);
      if (found == known.end()) {
        return next_class_++;
      }
      take(found->second.first, id);
      return found->second.second;
    });
  }

  const Graph& a_;
  const Graph& b_;
  std::vector<ValueId> of_a_;
  std::vector<ValueId> of_b_;
  Classes class_a_;
  Classes class_b_;
  int next_class_ = 0;
  std::map<ValueId, ValueId> partner_;
  std::set<ValueId> taken_;
};

std::vector<Tensor> values_of(const BoundModel& model, const std::vector<ValueId>& wanted,
                              const Backend& backend, int threads) {
  std::map<ValueId, Tensor> known;
  for (std::size_t i = 0; i < model.inputs.size(); ++i) {
    known[model.graph.inputs[i]] = model.inputs[i];
  }
  return graph::evaluate(model.graph, backend, known, wanted, threads);
}

// A node of the graph as people know it.
void describe(const Graph& graph, ValueId id, std::string& layer, ValuePair* scope_of) {
  if (graph.value(id).kind != ValueKind::kNode) {
    return;
  }
  const Node& node = graph.node(graph.value(id).producer);
  layer = node.origin;
  if (scope_of == nullptr) {
    return;
  }
  scope_of->scope = node.scope;
  for (const ValueId input : node.inputs) {
    if (!input.valid()) {
      continue;
    }
    const Value& value = graph.value(input);
    const bool variable = value.kind == ValueKind::kVariable;
    const std::string& name = variable ? graph.variable(value.variable).name : value.name;
    if ((variable || value.kind == ValueKind::kConstant) && !name.empty()) {
      scope_of->tensors.push_back(name);
    }
  }
}

std::vector<std::pair<std::size_t, std::size_t>> paired_outputs(const Graph& a, const Graph& b) {
  std::vector<std::pair<std::size_t, std::size_t>> pairs;
  for (std::size_t i = 0; i < std::min(a.outputs.size(), b.outputs.size()); ++i) {
    const auto found =
        std::find_if(b.outputs.begin(), b.outputs.end(),
                     [&](const Graph::Output& other) { return other.name == a.outputs[i].name; });
    pairs.emplace_back(
        i, found == b.outputs.end() ? i : static_cast<std::size_t>(found - b.outputs.begin()));
  }
  return pairs;
}

}  // namespace

const ValuePair* LayerDiff::first(double tolerance) const {
  const auto found = std::find_if(values.begin(), values.end(),
                                  [&](const ValuePair& pair) { return !pair.within(tolerance); });
  return found == values.end() ? nullptr : &*found;
}

LayerDiff diff_layers(const BoundModel& a, const BoundModel& b, const Backend& backend,
                      int threads) {
  const ValueMatcher matcher(a.graph, b.graph);
  std::vector<std::pair<ValueId, ValueId>> pairs = matcher.pairs();
  const std::size_t inner = pairs.size();
  LayerDiff diff;
  diff.only_a = matcher.only_a();
  diff.only_b = matcher.only_b();
  diff.other_count_of_outputs = a.graph.outputs.size() != b.graph.outputs.size();
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [i, j] : paired_outputs(a.graph, b.graph)) {
    pairs.emplace_back(a.graph.outputs[i].value, b.graph.outputs[j].value);
    names.emplace_back(a.graph.outputs[i].name, b.graph.outputs[j].name);
  }
  std::vector<ValueId> of_a, of_b;
  for (const auto& [one, other] : pairs) {
    of_a.push_back(one);
    of_b.push_back(other);
  }
  const std::vector<Tensor> values_a = values_of(a, of_a, backend, threads);
  const std::vector<Tensor> values_b = values_of(b, of_b, backend, threads);
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    ValuePair pair;
    pair.a = k < inner ? a.graph.value(of_a[k]).name : names[k - inner].first;
    pair.b = k < inner ? b.graph.value(of_b[k]).name : names[k - inner].second;
    describe(a.graph, of_a[k], pair.layer, &pair);
    describe(b.graph, of_b[k], pair.layer_b, nullptr);
    pair.shape_a = values_a[k].shape();
    pair.shape_b = values_b[k].shape();
    if (pair.shape_a == pair.shape_b) {
      const DType type = values_a[k].dtype();
      pair.difference = tensor_difference(values_a[k], values_b[k],
                                          type == values_b[k].dtype() ? to_string(type) : "");
    }
    (k < inner ? diff.values : diff.outputs).push_back(std::move(pair));
  }
  return diff;
}

}  // namespace temper::training
