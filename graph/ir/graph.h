// The graph: values, nodes that compute them, variables that persist, and update bindings.
//
// Semantics that hold for every op and backend:
// - Gradients at kinks are PyTorch's: Relu'(0) = 0, Abs'(0) = 0, Clip passes nothing at its bounds.
// - Ties: MaxPool and ArgMax take the first. Max and Min of several inputs fold from the left, each
//   pair sharing a tie half and half (torch.maximum); ReduceMax and ReduceMin share the gradient
//   evenly among equal elements (torch.amax).
// - Accumulation is at least float32; sums in the reference backend are kept in double.
// - NaN propagates through Max, Min, Clip, ReduceMax and MaxPool; comparisons are false on NaN.
//
// Threading: build from one thread; a finished graph may be read by many.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/stored_value.h"
#include "runtime/base/attrs.h"
#include "runtime/base/dtype.h"
#include "runtime/base/ids.h"
#include "runtime/base/port.h"
#include "runtime/base/shape.h"
#include "runtime/base/variable_identity.h"
#include "runtime/memory/tensor.h"

namespace temper::graph {

using temper::NodeId;
using temper::Port;
using temper::PortRole;
using temper::ScalarRole;
using temper::ValueId;
using temper::VariableId;
using temper::VariableIdentity;
using temper::VariableKind;

class OpDef;
class OpRegistry;
struct Body;  // body.h

// A dimension that is a number, or a name bound when the graph is compiled ("batch").
struct Dim {
  std::int64_t value = -1;  // -1: not known
  std::string symbol;       // may be empty when value is known
};

enum class ValueKind {
  kNode,      // computed by `producer`
  kInput,     // given at each run
  kVariable,  // read from the variable store
  kConstant,  // `constant`
};

struct Value {
  std::string name;  // a label for people and for export; unique in a graph when not empty
  ValueKind kind = ValueKind::kNode;
  DType dtype = DType::kUndefined;
  Shape shape;
  bool shape_known = false;  // false until infer_shapes() ran over an imported graph
  std::vector<Dim> dims;     // inputs only: as declared, before binding
  bool rank_known = true;    // inputs only: false when the file declares no shape at all
  Port port;                 // inputs only
  NodeId producer;           // kNode only
  int output_index = 0;      // kNode only
  VariableId variable;       // kVariable only
  Tensor constant;           // kConstant only
};

struct Node {
  const OpDef* op = nullptr;
  std::string name;
  std::vector<ValueId> inputs;   // an invalid id is an optional input left out
  std::vector<ValueId> outputs;  // an invalid id is an optional output left out
  Attrs attrs;
  // What If, Loop and Scan compute (body.h), in the order of OpDef::body_attributes. Never changed,
  // so copies of a node share them.
  std::vector<std::shared_ptr<const Body>> bodies;
  std::string origin;  // what to name in messages: "Conv 'conv1'" or "gradient of Conv 'conv1'"
  std::string scope;   // module path of the exporter, if it wrote one
  bool removed = false;
};

struct Variable {
  std::string name;           // a label; of the model's tensors the file's
  VariableIdentity identity;  // which it is; `of`: the index of a variable of this graph
  std::string part = {};      // of what belongs to another one: what it is of it, "exp_avg"
  DType dtype = DType::kFloat32;
  Shape shape;
  bool trainable = false;
  Tensor initial;  // plain; undefined: `stored`, and without that zeros
  // Large values of a file stay there: a graph holds no copy of them.
  SharedValue stored;
  std::string why;         // why it is, or is not, trainable: for `inspect`
  std::string flat_group;  // variables of one group lie in one buffer, in order of their ids
  // Order within the flat group, before the id: parameters of one optimizer group lie together.
  int flat_order = 0;
  // Weights whose layout a kernel may choose; false keeps the variable plain.
  bool layout_free = true;
  // A moment or gradient copies the layout of this variable.
  VariableId layout_of;

  bool is(VariableKind kind) const { return identity.kind == kind; }
};

// The values a variable begins with, as a plain tensor; undefined means zeros. COST: large ones are
// read from their file.
Tensor initial_value(const Variable& variable);

// At the end of a step `variable` takes `value`.
struct UpdateBinding {
  enum class Kind {
    kAttempt,  // always
    kApply,    // only when the step's scalar `ok` is true
  };
  VariableId variable;
  ValueId value;
  Kind kind = Kind::kApply;
};

class Graph {
 public:
  explicit Graph(const OpRegistry& registry) : registry_(&registry) {}

  const OpRegistry& registry() const { return *registry_; }
  std::string name;

  // --- building --------------------------------------------------------------
  // An input of the model, the next one, unless another port is given.
  ValueId add_input(std::string name, DType dtype, std::vector<Dim> dims, bool rank_known = true);
  ValueId add_input(std::string name, DType dtype, const Shape& shape);
  ValueId add_input(std::string name, DType dtype, const Shape& shape, Port port);
  ValueId add_constant(std::string name, Tensor value);
  // REQUIRES: the graph has no variable of this identity.
  VariableId add_variable(Variable variable);
  // The value that reads a variable (one per variable, made on first use).
  ValueId read_variable(VariableId id);
  // A node with new output values, `output_names.size()` of them; an empty name is an unnamed
  // value. Shapes and dtypes are not inferred here: see builder.h and infer.h.
  NodeId add_node(const OpDef& op, std::vector<ValueId> inputs,
                  const std::vector<std::string>& output_names, Attrs attrs, std::string origin);
  // Output i of a node; an output that was left out becomes a new unnamed value (not yet inferred).
  ValueId ensure_output(NodeId node, int i);
  // An output of the model, the next one, unless another port is given.
  void add_output(std::string name, ValueId value);
  void add_output(std::string name, ValueId value, Port port);
  void add_update(UpdateBinding binding);

  // --- reading ---------------------------------------------------------------
  Node& node(NodeId id) { return nodes_[static_cast<std::size_t>(id.index)]; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id.index)]; }
  Value& value(ValueId id) { return values_[static_cast<std::size_t>(id.index)]; }
  const Value& value(ValueId id) const { return values_[static_cast<std::size_t>(id.index)]; }
  Variable& variable(VariableId id) { return variables_[static_cast<std::size_t>(id.index)]; }
  const Variable& variable(VariableId id) const {
    return variables_[static_cast<std::size_t>(id.index)];
  }
  // The variable of this identity, or an invalid id. COST: linear; so below.
  VariableId find_variable(const VariableIdentity& identity) const;
  // The tensor of the model with this name, or an invalid id.
  VariableId find_variable(std::string_view name) const;
  // The value with this name, or an invalid id. COST: linear.
  ValueId find_value(std::string_view name) const;

  // Counts include removed nodes: ids are never reused.
  int node_count() const { return static_cast<int>(nodes_.size()); }
  int value_count() const { return static_cast<int>(values_.size()); }
  int variable_count() const { return static_cast<int>(variables_.size()); }

  struct Output {
    std::string name;
    ValueId value;
    Port port = {PortRole::kModelOutput, 0};
  };
  std::vector<ValueId> inputs;
  std::vector<Output> outputs;
  std::vector<UpdateBinding> updates;
  // The step's boolean scalar under which apply bindings happen; invalid in graphs without any.
  ValueId ok;

  // --- editing ---------------------------------------------------------------
  // Every use of `from` (node inputs, outputs, updates) becomes `to`. COST: linear in the graph.
  void replace_uses(ValueId from, ValueId to);
  void remove_node(NodeId id) { node(id).removed = true; }

 private:
  const OpRegistry* registry_;
  std::vector<Node> nodes_;
  std::vector<Value> values_;
  std::vector<Variable> variables_;
  std::vector<ValueId> variable_reads_;
};

}  // namespace temper::graph
