#include "graph/onnx/constant_states.h"

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kScanOfToday = 9;  // before, its inputs began with lengths

bool is_float_tensor(const wire::TensorProto& tensor) {
  return tensor.dims_size() > 0 && is_float(graph_dtype(tensor.data_type()));
}

// Where the states of a loop stand; none: it is no loop.
struct States {
  std::size_t count = 0;
  std::size_t input = 0;   // of the first one, in the node's inputs and the body's
  std::size_t output = 0;  // in the body's outputs; in the node's they are the first
};

class Taker {
 public:
  explicit Taker(FlatGraph& graph) : graph_(graph) {
    for (const auto& [name, tensor] : graph.initializers) {
      if (is_float_tensor(*tensor)) {
        weights_.insert(name);
      }
    }
    for (const FlatNode& node : graph.nodes) {
      if (node.body >= 0 && node.outputs.size() == 1 && node.inputs.size() == 1 &&
          facts_of(node).movement == Movement::kSame) {
        copies_[node.outputs[0]] = node.inputs[0];
      }
    }
  }

  void run() {
    // A node stands behind those of its bodies: from the outer loops to the inner ones.
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      if (graph_.nodes[i].bodies.size() == 1) {
        take_from(i);
      }
    }
    if (outside_.empty()) {
      return;
    }
    for (FlatNode& node : graph_.nodes) {
      rename(node.inputs);
    }
    for (FlatBody& body : graph_.bodies) {
      rename(body.outputs);
    }
    for (FlatNode& copy : results_) {
      rename(copy.inputs);
      graph_.nodes.push_back(std::move(copy));
    }
  }

 private:
  States states_of(const FlatNode& node, const FlatBody& body) const {
    const std::vector<int>& absorbed = facts_of(node).absorbed_inputs;
    States states;
    states.input = absorbed.size();
    states.output = absorbed.empty() ? 0 : 1;
    const wire::AttributeProto* scanned = node.find("num_scan_inputs");
    const auto rest = static_cast<std::size_t>(scanned == nullptr ? 0 : scanned->i());
    const bool is_scan = scanned != nullptr && node.opset >= kScanOfToday && absorbed.empty();
    const bool is_loop = scanned == nullptr && absorbed.size() == 2;
    if ((is_scan || is_loop) && node.inputs.size() == body.inputs.size() &&
        node.inputs.size() >= states.input + rest &&
        body.outputs.size() >= states.output + node.inputs.size() - states.input - rest) {
      states.count = node.inputs.size() - states.input - rest;
    }
    return states;
  }

  const std::string& origin_of(const std::string& name) const {
    const std::string* at = &name;
    for (std::size_t hops = 0; hops <= copies_.size(); ++hops) {  // a cycle is found later
      const auto found = copies_.find(*at);
      if (found == copies_.end()) {
        break;
      }
      at = &found->second;
    }
    return *at;
  }

  void take_from(std::size_t index) {
    FlatNode& node = graph_.nodes[index];
    FlatBody& body = graph_.bodies[static_cast<std::size_t>(node.bodies[0])];
    const States states = states_of(node, body);
    for (std::size_t i = states.count; i-- > 0;) {
      const auto input = static_cast<std::ptrdiff_t>(states.input + i);
      const auto output = static_cast<std::ptrdiff_t>(states.output + i);
      const std::string given = node.inputs[states.input + i];
      const std::string inside = body.inputs[states.input + i];
      if (!weights_.contains(given) || origin_of(body.outputs[states.output + i]) != inside) {
        continue;
      }
      outside_[inside] = given;
      weights_.insert(inside);
      node.inputs.erase(node.inputs.begin() + input);
      body.inputs.erase(body.inputs.begin() + input);
      body.outputs.erase(body.outputs.begin() + output);
      if (i < node.outputs.size()) {
        give_on(node, node.outputs[i], given);
        node.outputs.erase(node.outputs.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
  }

  // The state behind the last step.
  void give_on(const FlatNode& loop, const std::string& output, const std::string& given) {
    if (output.empty()) {
      return;
    }
    FlatNode copy;
    copy.op = "Identity";
    copy.opset = loop.opset;
    copy.name = loop.name;
    copy.inputs = {given};
    copy.outputs = {output};
    copy.source = loop.source;
    copy.body = loop.body;
    results_.push_back(std::move(copy));
  }

  void rename(std::vector<std::string>& names) const {
    for (std::string& name : names) {
      for (auto found = outside_.find(name); found != outside_.end(); found = outside_.find(name)) {
        name = found->second;
      }
    }
  }

  FlatGraph& graph_;
  std::unordered_set<std::string> weights_;
  std::unordered_map<std::string, std::string> copies_;   // of bodies: what an Identity gives
  std::unordered_map<std::string, std::string> outside_;  // by the name in the body
  std::vector<FlatNode> results_;
};

}  // namespace

void take_out_constant_states(FlatGraph& graph) {
  if (!graph.bodies.empty()) {
    Taker(graph).run();
  }
}

}  // namespace temper::graph
