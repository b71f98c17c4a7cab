#include "graph/onnx/deploy/opset_bodies.h"

#include <algorithm>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/deploy/constant_numbers.h"
#include "graph/onnx/deploy/rename_reads.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// Files nest no deeper than they are parsed.
void collect(wire::GraphProto& graph, const std::string& where, std::vector<PlacedNode>& nodes) {
  for (auto& node : *graph.mutable_node()) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_g()) {
        collect(*attribute.mutable_g(),
                concat("in a body of ", node.op_type(), " '", node.name(), "', "), nodes);
      }
    }
    if (normal_domain(node.domain()).empty()) {
      nodes.push_back({&node, where});
    }
  }
}

bool gives(const wire::GraphProto& body, const std::string& name) {
  return std::any_of(body.output().begin(), body.output().end(),
                     [&](const auto& output) { return output.name() == name; });
}

class BodyTensors {
 public:
  explicit BodyTensors(ModelEdit& edit) : edit_(edit) {}

  void lift_in(wire::GraphProto& graph) {
    for (auto& node : *graph.mutable_node()) {
      for (auto& attribute : *node.mutable_attribute()) {
        if (attribute.has_g()) {
          lift_from(*attribute.mutable_g());
          lift_in(*attribute.mutable_g());
        }
      }
    }
  }

 private:
  void lift_from(wire::GraphProto& body) {
    auto& tensors = *body.mutable_initializer();
    for (int i = tensors.size(); i-- > 0;) {
      if (!gives(body, tensors.Get(i).name())) {
        lift(body, tensors.Get(i).name(), tensors.Get(i));
        tensors.DeleteSubrange(i, 1);
      }
    }
    auto& nodes = *body.mutable_node();
    for (int i = nodes.size(); i-- > 0;) {
      wire::NodeProto& node = *nodes.Mutable(i);
      if (node.op_type() != "Constant" || node.output_size() != 1 || gives(body, node.output(0))) {
        continue;
      }
      numbers_to_tensor(node);
      if (node.attribute_size() == 1 && node.attribute(0).has_t()) {
        lift(body, node.output(0), node.attribute(0).t());
        nodes.DeleteSubrange(i, 1);
      }
    }
  }

  void lift(wire::GraphProto& body, const std::string& name, wire::TensorProto tensor) {
    const std::string made = edit_.unique(name);
    tensor.set_name(made);
    rename_in_body(body, name, made);
    edit_.add_tensor(std::move(tensor));
  }

  ModelEdit& edit_;
};

}  // namespace

std::vector<PlacedNode> all_nodes(ModelEdit& edit) {
  std::vector<PlacedNode> nodes;
  collect(edit.graph(), "", nodes);
  return nodes;
}

void lift_body_tensors(ModelEdit& edit) { BodyTensors(edit).lift_in(edit.graph()); }

}  // namespace temper::graph
