// A node under a change of opset, and what the rules for it need.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/opset.h"
#include "graph/onnx/deploy/value_facts.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

// A model under a change of opset.
struct OpsetChange {
  ModelEdit& edit;
  const KnownValues& values;
  const ValueFacts& facts;
  std::int64_t from = 0;
  std::int64_t to = 0;
  std::vector<std::string> reasons;  // why it is refused
};

class OpsetNode {
 public:
  // `where`: "in a body of If 'a', ", or "".
  OpsetNode(OpsetChange& change, wire::NodeProto& node, std::string where)
      : change_(change), node_(&node), where_(std::move(where)) {}

  ModelEdit& edit() { return change_.edit; }
  wire::NodeProto& node() { return *node_; }
  std::int64_t from() const { return change_.from; }
  std::int64_t to() const { return change_.to; }
  std::string label() const;
  // The model cannot be converted because of this node.
  void refuse(const std::string& reason);
  bool removed() const { return removed_; }

  // "" when it is left out.
  std::string input(int index) const;
  // Null: not known.
  const KnownValue* known(const std::string& name) const;
  const ValueFacts& facts() const { return change_.facts; }
  // As facts() has them, of a value read in float32 too.
  std::optional<FixedDims> fixed_dims(const std::string& name) const;
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
  std::string emit_cast(const std::string& value, std::int32_t type);
  // Of TensorProto.DataType, of a stored tensor or a float.
  std::int32_t float_type(const std::string& like);
  // A stored scalar of the float type that `like` has in the file.
  std::string scalar(double value, const std::string& like);
  // A stored scalar of a type of TensorProto.DataType.
  std::string number(double value, std::int32_t type);
  // A stored vector of int64.
  std::string integers(const std::vector<std::int64_t>& values);
  // Its inputs in 16 bits are read in float32, and what takes its place is rounded back.
  void widen();
  // `value`, given by emitted(), takes the place of the node's first output, and the node is gone.
  void replace_by(const std::string& value);
  // A Constant node's tensor as an initializer in its place.
  void become_initializer();

 private:
  // The name of the stored tensor whose values, in another shape or type perhaps, are these.
  std::string stored_behind(const std::string& name) const;

  OpsetChange& change_;
  wire::NodeProto* node_;
  wire::NodeProto* emitted_ = nullptr;
  std::string where_;
  std::map<std::string, std::string> casts_;  // to float32, of what
  std::int32_t narrow_ = 0;                   // what the node gives is rounded to this type
  bool removed_ = false;
};

// Bring a node over the opsets at which its operator's form or meaning changed.
void lower_node(OpsetNode& node);
void raise_node(OpsetNode& node);
// Of lower_node(): operators that the opset does not have, as others. Returns whether it is one.
bool expand_node(OpsetNode& node);

}  // namespace temper::graph
