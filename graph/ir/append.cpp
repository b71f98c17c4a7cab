#include "graph/ir/append.h"

#include <utility>

#include "graph/ir/infer_context.h"
#include "graph/ir/walk.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

class Appending {
 public:
  Appending(Graph& into, const Graph& part, int model, const std::string& prefix)
      : into_(into), part_(part), model_(model), prefix_(prefix) {}

  void bind_reads(const std::map<VariableIdentity, ValueId>& reads) { reads_ = &reads; }

  void bind_inputs(const std::map<std::string, ValueId>& inputs) {
    for (const ValueId id : part_.inputs) {
      const Value& input = part_.value(id);
      const auto given = inputs.find(input.name);
      TEMPER_CHECK(given != inputs.end(), ErrorCode::kInvalidModel, "nothing is given for ",
                   prefix_, input.name);
      const Value& value = into_.value(given->second);
      TEMPER_CHECK(value.dtype == input.dtype && value.shape == input.shape,
                   ErrorCode::kInvalidModel, prefix_, input.name, " takes ", input.dtype,
                   input.shape, ", but is given ", value.dtype, value.shape);
      moved_[id] = given->second;
    }
  }

  void add_nodes() {
    for (const NodeId id : topological_order(part_)) {
      const Node& node = part_.node(id);
      std::vector<ValueId> inputs;
      for (const ValueId input : node.inputs) {
        inputs.push_back(moved(input));
      }
      const std::vector<std::string> unnamed(node.outputs.size());
      const NodeId made =
          into_.add_node(*node.op, std::move(inputs), unnamed, node.attrs,
                         node.origin.empty() ? std::string{} : prefix_ + node.origin);
      into_.node(made).name = node.name;
      into_.node(made).scope = node.scope;
      into_.node(made).bodies = node.bodies;
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i].valid()) {
          moved_[node.outputs[i]] = into_.node(made).outputs[i];
        } else {
          into_.node(made).outputs[i] = ValueId{};
        }
      }
      infer_node(into_, made);
    }
  }

  Appended result() {
    Appended made;
    for (const Graph::Output& output : part_.outputs) {
      made.outputs.push_back({output.name, moved(output.value)});
    }
    for (const UpdateBinding& update : part_.updates) {
      made.updates.push_back({moved_variable(update.variable), moved(update.value), update.kind});
    }
    return made;
  }

 private:
  ValueId moved(ValueId id) {
    if (!id.valid()) {
      return id;
    }
    const auto known = moved_.find(id);
    if (known != moved_.end()) {
      return known->second;
    }
    const Value& value = part_.value(id);
    TEMPER_ASSERT(value.kind == ValueKind::kVariable || value.kind == ValueKind::kConstant);
    if (value.kind == ValueKind::kConstant) {
      return moved_[id] = into_.add_constant({}, value.constant);
    }
    const auto given = reads_->find(identity_in_joint(value.variable));
    return moved_[id] = given != reads_->end()
                            ? given->second
                            : into_.read_variable(moved_variable(value.variable));
  }

  VariableIdentity identity_in_joint(VariableId id) const {
    VariableIdentity identity = part_.variable(id).identity;
    TEMPER_ASSERT(identity.of < 0, "a part of a graph has no state of its own");
    identity.model = model_;
    return identity;
  }

  VariableId moved_variable(VariableId id) {
    Variable variable = part_.variable(id);
    variable.name = prefix_ + variable.name;
    variable.identity = identity_in_joint(id);
    const VariableId known = into_.find_variable(variable.identity);
    if (known.valid()) {
      return known;
    }
    if (variable.layout_of.valid()) {
      variable.layout_of = moved_variable(variable.layout_of);
    }
    return into_.add_variable(std::move(variable));
  }

  Graph& into_;
  const Graph& part_;
  const int model_;
  const std::string& prefix_;
  const std::map<VariableIdentity, ValueId>* reads_ = nullptr;
  std::map<ValueId, ValueId> moved_;
};

}  // namespace

Appended append(Graph& into, const Graph& part, int model, const std::string& prefix,
                const std::map<std::string, ValueId>& inputs,
                const std::map<VariableIdentity, ValueId>& reads) {
  Appending appending(into, part, model, prefix);
  appending.bind_reads(reads);
  appending.bind_inputs(inputs);
  appending.add_nodes();
  return appending.result();
}

}  // namespace temper::graph
