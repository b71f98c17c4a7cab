// A node under a change of opset, and what the rules for it need.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/opset.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

class OpsetNode {
 public:
  OpsetNode(ModelEdit& edit, const KnownValues& values, wire::NodeProto& node, std::int64_t from,
            std::int64_t to, std::vector<std::string>& reasons)
      : edit_(edit), values_(values), node_(&node), from_(from), to_(to), reasons_(reasons) {}

  ModelEdit& edit() { return edit_; }
  wire::NodeProto& node() { return *node_; }
  std::int64_t from() const { return from_; }
  std::int64_t to() const { return to_; }
  std::string label() const;
  // The model cannot be converted because of this node.
  void refuse(const std::string& reason);
  bool removed() const { return removed_; }

  // "" when it is left out.
  std::string input(int index) const;
  // Null: not known.
  const KnownValue* known(const std::string& name) const;
  std::optional<std::int64_t> rank(const std::string& name) const;
  // The numbers of a stored tensor; nothing: it is computed.
  std::optional<std::vector<std::int64_t>> whole_numbers(const std::string& name);
  std::optional<std::vector<double>> numbers(const std::string& name);

  // An input of stored whole numbers becomes an attribute; refuses when it is computed. Returns
  // whether there was one.
  bool input_to_ints(int index, const char* attribute);
  // The attribute becomes input `index`.
  void ints_to_input(const char* attribute, int index);
  void set_input(int index, const std::string& name);
  void trim_inputs();

  // A new node in front of this one; returns the name of its output.
  std::string emit(const char* op, const std::vector<std::string>& inputs);
  wire::NodeProto& emitted() { return *emitted_; }  // the last one
  // Of TensorProto.DataType, of a stored tensor or a float.
  std::int32_t float_type(const std::string& like);
  // A stored scalar of the float type that `like` has in the file.
  std::string scalar(double value, const std::string& like);
  // `value`, given by emitted(), takes the place of the node's first output, and the node is gone.
  void replace_by(const std::string& value);
  // A Constant node's tensor as an initializer in its place.
  void become_initializer();

 private:
  ModelEdit& edit_;
  const KnownValues& values_;
  wire::NodeProto* node_;
  wire::NodeProto* emitted_ = nullptr;
  // The name of the stored tensor whose values, in another shape or type perhaps, are these.
  std::string stored_behind(const std::string& name) const;

  std::int64_t from_, to_;
  std::vector<std::string>& reasons_;
  bool removed_ = false;
};

// Bring a node over the opsets at which its operator's form or meaning changed.
void lower_node(OpsetNode& node);
void raise_node(OpsetNode& node);
// Of lower_node(): operators that the opset does not have, as others. Returns whether it is one.
bool expand_node(OpsetNode& node);

}  // namespace temper::graph
