// From the flat node list to a Graph: inputs, stored tensors, nodes in canonical form, outputs.
// Each body becomes a graph of its own; what it reads of the graph around it becomes an input of it
// and of its node. What is not supported is collected on the way and thrown at the end, all of it.
#include "graph/onnx/import.h"

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include <onnx.pb.h>

#include "graph/ir/body.h"
#include "graph/onnx/attributes.h"
#include "graph/onnx/decide_tensor.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/opset_upgrade.h"
#include "graph/onnx/places.h"
#include "graph/onnx/problems.h"
#include "graph/onnx/stored_tensors.h"
#include "graph/onnx/tensor_codec.h"
#include "graph/onnx/tensor_uses.h"
#include "graph/onnx/text_outputs.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class GraphImporter {
 public:
  GraphImporter(const OnnxModel& model, const OpRegistry& registry,
                const std::set<std::string>& as_variables, std::vector<TensorDecision>* decisions,
                std::vector<ImportProblem>* found)
      : model_(model),
        impl_(model.impl()),
        registry_(registry),
        as_variables_(as_variables),
        decisions_(decisions),
        found_problems_(found),
        graph_(registry),
        scopes_(impl_.flat.bodies.size() + 1),
        stored_(impl_),
        uses_(find_tensor_uses(impl_.flat)),
        left_out_(only_for_texts(*impl_.proto, impl_.flat)) {
    graph_.name = model.graph_name();
    for (const FlatNode& node : impl_.flat.nodes) {
      impl_.flat.for_each_read(node, [&](const std::string& name) { read_.insert(name); });
    }
    for (const auto& output : impl_.proto->graph().output()) {
      read_.insert(output.name());
    }
  }

  Graph run() {
    open_scopes();
    add_inputs();
    for (const auto& sparse : impl_.proto->graph().sparse_initializer()) {
      problems_.add("sparse initializers", sparse.values().name());
      give_placeholder(sparse.values().name(), 0);
    }
    for (const auto& [name, tensor] : impl_.flat.initializers) {
      if (left_out_.contains(name)) {
        continue;
      }
      const bool shared = impl_.flat.shared.contains(name);
      stored_.add(name, {tensor, nullptr, shared});
      if (!add_stored(name, !shared)) {
        give_placeholder(name, home_of_given(name));
      }
    }
    for (const FlatNode& node : impl_.flat.nodes) {
      if (is_left_out(node)) {
        continue;
      }
      try {
        if (node.op == "Constant" && node.domain.empty()) {
          add_constant_node(node);
        } else {
          add_node(node);
        }
      } catch (Error& error) {
        if (error.code() != ErrorCode::kUnsupported) {
          error.add_note(concat("in ", node.label()));
          throw;
        }
        problems_.add(concat("op ", node.op, ": ", error.message()), node.name);
        give_placeholders(node);
      }
    }
    for (const auto& output : impl_.proto->graph().output()) {
      if (left_out_.contains(output.name())) {
        continue;
      }
      graph_.add_output(output.name(), value_of(output.name(), false, 0));
    }
    if (found_problems_ != nullptr) {
      *found_problems_ = problems_.list();
    }
    problems_.throw_if_any(impl_.path);
    return std::move(graph_);
  }

 private:
  // The main graph (scope 0) or a body (scope i + 1 is body i).
  struct Scope {
    Graph* graph = nullptr;
    std::shared_ptr<Body> body;  // null: the main graph
    std::size_t outer = 0;
    std::unordered_map<std::string, ValueId> values;  // also what comes from around it
    std::unordered_map<std::string, ValueId> constants;
    std::vector<std::string> captures;
  };

  bool is_left_out(const FlatNode& node) const {
    return std::any_of(node.outputs.begin(), node.outputs.end(),
                       [&](const std::string& output) { return left_out_.contains(output); });
  }

  static std::size_t scope_of(int body) { return static_cast<std::size_t>(body + 1); }

  std::size_t home_of_given(const std::string& name) const {
    const auto found = impl_.flat.body_of_given.find(name);
    return found == impl_.flat.body_of_given.end() ? 0 : scope_of(found->second);
  }

  void open_scopes() {
    scopes_[0].graph = &graph_;
    for (std::size_t i = 0; i < impl_.flat.bodies.size(); ++i) {
      const FlatBody& flat = impl_.flat.bodies[i];
      Scope& scope = scopes_[i + 1];
      scope.body = std::make_shared<Body>(Body{flat.attribute, Graph(registry_)});
      scope.graph = &scope.body->graph;
      scope.graph->name = flat.attribute;
      scope.outer = scope_of(flat.outer);
      for (const std::string& input : flat.inputs) {
        scope.values[input] = scope.graph->add_input(input, DType::kUndefined, {}, false);
      }
    }
  }

  void give_placeholder(const std::string& name, std::size_t scope) {
    scopes_[scope].values[name] =
        scopes_[scope].graph->add_constant("", Tensor::scalar<float>(DType::kFloat32, 0));
  }

  void give_placeholders(const FlatNode& node) {
    for (const std::string& output : node.outputs) {
      if (!output.empty()) {
        give_placeholder(output, scope_of(node.body));
      }
    }
  }

  void add_inputs() {
    for (const OnnxValueInfo& input : model_.inputs()) {
      if (input.dtype == DType::kUndefined) {
        problems_.add(concat("graph inputs of type ", input.file_type), input.name);
        give_placeholder(input.name, 0);
        continue;
      }
      scopes_[0].values[input.name] =
          graph_.add_input(input.name, input.dtype, input.dims, input.rank_known);
    }
  }

  // Decides what a stored tensor becomes; false when its type is not supported.
  bool add_stored(const std::string& name, bool may_be_variable) {
    const StoredTensor& stored = *stored_.find(name);
    if (stored.proto != nullptr) {
      const std::string reason = unsupported_reason(*stored.proto);
      if (!reason.empty()) {
        problems_.add(reason, name);
        return false;
      }
      const DType dtype = graph_dtype(stored.proto->data_type());
      if (!is_float(dtype)) {
        return true;  // a constant, read when a node asks for it
      }
    } else if (!holds_float(*stored.node)) {
      return true;
    }
    const auto found = uses_.find(name);
    const TensorUse use = found == uses_.end() ? TensorUse{} : found->second;
    TensorDecision decision;
    decision.name = name;
    decision.file_type =
        stored.proto != nullptr ? onnx_type_name(stored.proto->data_type()) : "FLOAT";
    decision.external = stored.proto != nullptr && stored.proto->data_location() == 1;
    if (!use.used) {
      decision.why = "not used";
      const TensorHeader header = stored.proto == nullptr
                                      ? TensorHeader{}
                                      : check_tensor(*stored.proto, tensor_label(name));
      decision.dtype = header.dtype;
      decision.shape = header.shape;
      report(decision);
      return true;
    }
    const SharedValue left = stored_.left_in_file(name, decision);
    const Tensor value = left == nullptr ? stored_.decode(name) : Tensor{};
    if (value.defined()) {
      decision.dtype = value.dtype();
      decision.shape = value.shape();
    }
    decide_tensor(decision, use, [&] { return value.defined() ? value : stored_.decode(name); },
                  {may_be_variable, as_variables_.contains(name)});
    if (decision.is_variable) {
      Variable variable;
      variable.name = name;
      variable.dtype = decision.dtype;
      variable.shape = decision.shape;
      variable.identity.kind = decision.kind;
      variable.trainable = decision.trainable;
      variable.why = decision.why;
      variable.initial = value;
      variable.stored = left;
      variables_[name] = graph_.read_variable(graph_.add_variable(std::move(variable)));
    }
    report(decision);
    return true;
  }

  void report(const TensorDecision& decision) {
    if (decisions_ != nullptr) {
      decisions_->push_back(decision);
    }
  }

  // `scope` reads this: a value of its own, a stored tensor, or what comes from around it.
  ValueId value_of(const std::string& name, bool needed_when_compiling, std::size_t scope) {
    const bool is_variable = variables_.contains(name);
    Scope& here = scopes_[scope];
    const bool is_stored = stored_.find(name) != nullptr;
    const auto known = here.values.find(name);
    if (known != here.values.end() && !(is_variable && needed_when_compiling)) {
      return known->second;
    }
    if (is_variable && !needed_when_compiling && scope == 0) {
      return variables_.at(name);
    }
    if (is_stored && (!is_variable || needed_when_compiling)) {
      ValueId& constant = here.constants[name];
      if (!constant.valid()) {
        constant = here.graph->add_constant(is_variable ? "" : name, stored_.constant(name));
      }
      return constant;
    }
    TEMPER_ASSERT(scope > 0, "no value '", name, "'");
    here.captures.push_back(name);
    return here.values[name] = here.graph->add_input(name, DType::kUndefined, {}, false);
  }

  void add_constant_node(const FlatNode& node) {
    TEMPER_CHECK(node.outputs.size() == 1 && !node.outputs[0].empty(), ErrorCode::kInvalidModel,
                 "a Constant node has one output, but this has ", node.outputs.size());
    const std::string& name = node.outputs[0];
    const std::string reason = constant_problem(node);
    if (!reason.empty()) {
      problems_.add(reason, node.name.empty() ? name : node.name);
      give_placeholder(name, scope_of(node.body));
      return;
    }
    stored_.add(name, {constant_tensor(node), &node, node.inlined});
    if (!add_stored(name, !node.inlined)) {
      give_placeholder(name, scope_of(node.body));
    }
  }

  void add_node(const FlatNode& node) {
    const OpDef* op = op_of(registry_, node);
    if (op == nullptr) {
      problems_.add_op(node.domain, node.op, node.name.empty() ? node.label() : node.name);
      give_placeholders(node);
      return;
    }
    const std::size_t scope = scope_of(node.body);
    NodeDraft draft{*scopes_[scope].graph,      node.opset,   op->name(), {},        node.outputs,
                    read_attributes(node, *op), node.label(), node.scope, node.name, read_};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const auto& absorbed = op->absorbed_inputs;
      const bool needed =
          std::find(absorbed.begin(), absorbed.end(), static_cast<int>(i)) != absorbed.end();
      draft.inputs.push_back(node.inputs[i].empty() ? ValueId{}
                                                    : value_of(node.inputs[i], needed, scope));
    }
    upgrade(draft);
    while (!draft.outputs.empty() && draft.outputs.back().empty()) {
      draft.outputs.pop_back();
    }
    while (op->body_attributes.empty() && !draft.inputs.empty() && !draft.inputs.back().valid()) {
      draft.inputs.pop_back();
    }
    finish(draft, node, close_bodies(draft, node, *op));
  }

  // The bodies of a node, with all that any of them reads of what is around as their last inputs
  // and the node's.
  std::vector<std::shared_ptr<const Body>> close_bodies(NodeDraft& draft, const FlatNode& node,
                                                        const OpDef& op) {
    std::vector<std::size_t> own;
    for (const std::string& attribute : op.body_attributes) {
      const auto found = std::find_if(node.bodies.begin(), node.bodies.end(), [&](int body) {
        return impl_.flat.bodies[static_cast<std::size_t>(body)].attribute == attribute;
      });
      TEMPER_CHECK(found != node.bodies.end(), ErrorCode::kInvalidModel, node.label(), " has no ",
                   attribute);
      own.push_back(scope_of(*found));
    }
    std::vector<std::string> captures;
    std::unordered_set<std::string> captured;
    for (const std::size_t scope : own) {
      Scope& body = scopes_[scope];
      for (const std::string& output : impl_.flat.bodies[scope - 1].outputs) {
        body.graph->add_output(output, value_of(output, false, scope));
      }
      for (const std::string& name : body.captures) {
        if (captured.insert(name).second) {
          captures.push_back(name);
        }
      }
    }
    std::vector<std::shared_ptr<const Body>> bodies;
    for (const std::size_t scope : own) {
      order_captures(scopes_[scope], captures);
      bodies.push_back(scopes_[scope].body);
    }
    for (const std::string& name : captures) {
      draft.inputs.push_back(value_of(name, false, scope_of(node.body)));
    }
    if (!own.empty()) {
      draft.attrs.set("captures", static_cast<std::int64_t>(captures.size()));
    }
    return bodies;
  }

  static void order_captures(Scope& scope, const std::vector<std::string>& captures) {
    Graph& graph = *scope.graph;
    for (const std::string& name : captures) {
      if (!scope.values.contains(name)) {
        scope.values[name] = graph.add_input(name, DType::kUndefined, {}, false);
      }
    }
    graph.inputs.resize(graph.inputs.size() - captures.size());
    for (const std::string& name : captures) {
      const ValueId id = scope.values.at(name);
      graph.value(id).port.index = static_cast<int>(graph.inputs.size());
      graph.inputs.push_back(id);
    }
  }

  void finish(NodeDraft& draft, const FlatNode& node,
              std::vector<std::shared_ptr<const Body>> bodies) {
    const OpDef& op = registry_.get(draft.op);
    const int inputs = static_cast<int>(draft.inputs.size());
    const int outputs = static_cast<int>(draft.outputs.size());
    TEMPER_CHECK(inputs >= op.min_inputs && (op.max_inputs < 0 || inputs <= op.max_inputs),
                 ErrorCode::kInvalidModel, op.name(), " has ", inputs, " inputs, expected ",
                 op.min_inputs, op.max_inputs < 0 ? " or more" : concat(" to ", op.max_inputs));
    TEMPER_CHECK(outputs >= 1 && (op.max_outputs < 0 || outputs <= op.max_outputs),
                 ErrorCode::kInvalidModel, op.name(), " has ", outputs, " outputs, expected 1",
                 op.max_outputs < 0 ? " or more" : concat(" to ", op.max_outputs));
    for (int i = 0; i < (bodies.empty() ? std::max(1, op.min_inputs) : op.min_inputs); ++i) {
      TEMPER_CHECK(i >= inputs || draft.inputs[static_cast<std::size_t>(i)].valid(),
                   ErrorCode::kInvalidModel, op.name(), " has no input ", i);
    }
    Graph& graph = draft.graph;
    const NodeId id =
        graph.add_node(op, std::move(draft.inputs), {}, std::move(draft.attrs), draft.origin);
    graph.node(id).name = draft.name;
    graph.node(id).scope = draft.scope;
    graph.node(id).bodies = std::move(bodies);
    for (int i = 0; i < outputs; ++i) {
      const std::string& name = draft.outputs[static_cast<std::size_t>(i)];
      if (!name.empty()) {
        const ValueId value = graph.ensure_output(id, i);
        graph.value(value).name = name;
        scopes_[scope_of(node.body)].values[name] = value;
      }
    }
  }

  const OnnxModel& model_;
  const OnnxModel::Impl& impl_;
  const OpRegistry& registry_;
  const std::set<std::string>& as_variables_;
  std::vector<TensorDecision>* decisions_;
  std::vector<ImportProblem>* found_problems_;
  Graph graph_;
  std::vector<Scope> scopes_;
  StoredTensors stored_;
  std::unordered_map<std::string, TensorUse> uses_;
  std::unordered_set<std::string> left_out_;  // for outputs of texts, which have no values here
  std::unordered_set<std::string> read_;
  std::unordered_map<std::string, ValueId> variables_;  // in the main graph
  Problems problems_;
};

}  // namespace

Graph OnnxModel::build_graph(const OpRegistry& registry, const std::set<std::string>& as_variables,
                             std::vector<TensorDecision>* decisions,
                             std::vector<ImportProblem>* problems) const {
  try {
    if (decisions != nullptr) {
      decisions->clear();
    }
    return GraphImporter(*this, registry, as_variables, decisions, problems).run();
  } catch (Error& error) {
    error.add_note(concat("while importing ", impl_->path));
    throw;
  }
}

}  // namespace temper::graph
