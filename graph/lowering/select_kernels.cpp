// Lowering, first phase: kernels in order, with the layouts they ask for.
#include <algorithm>
#include <set>

#include "graph/ir/execution_order.h"
#include "graph/ir/op_def.h"
#include "graph/lowering/control_steps.h"
#include "graph/lowering/lowering.h"
#include "graph/passes/evaluate.h"
#include "graph/passes/settled_values.h"
#include "runtime/base/error.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {
namespace {

Layout layout_at(const std::vector<Layout>& layouts, std::size_t i) {
  return i < layouts.size() ? layouts[i] : Layout{};
}

DType first_float(const std::vector<TensorSpec>& specs) {
  const auto found = std::find_if(specs.begin(), specs.end(),
                                  [](const TensorSpec& spec) { return is_float(spec.dtype); });
  return found == specs.end() ? DType::kUndefined : found->dtype;
}

SelectedKernel prepare_sum(const OpQuery& query, const LowerOptions& options) {
  TEMPER_ASSERT(has_peers(options.ranks), "a sum over ranks without any");
  SelectedKernel made;
  made.kernel = make_all_reduce_kernel(query, *options.ranks);
  made.family = "ranks";
  return made;
}

void note_types(const OpQuery& query, PlanStep& step) {
  step.output_specs = query.outputs;
  step.input_type = first_float(query.inputs);
  step.output_type = first_float(query.outputs);
}

}  // namespace

// Which values are gradients of which variables: the optimizer nodes' second group of inputs, where
// the first are parameters. An average has no gradient: the weight it follows is read in its place.
void Lowering::find_gradients_of_variables() {
  for (int i = 0; i < graph_.node_count(); ++i) {
    const Node& node = graph_.node(NodeId{i});
    if (node.removed || !node.op->is_commit) {
      continue;
    }
    const UpdateLayout layout = UpdateLayout::of(node.attrs);
    for (std::size_t k = 0; k < layout.count; ++k) {
      const Value& parameter = graph_.value(node.inputs[layout.parameter(k)]);
      TEMPER_ASSERT(parameter.kind == ValueKind::kVariable);
      if (!graph_.variable(parameter.variable).is(VariableKind::kParameter)) {
        continue;
      }
      gradient_of_.emplace(node.inputs[layout.gradient(k)], parameter.variable);
    }
  }
}

std::vector<NodeId> Lowering::schedule() const {
  std::vector<NodeId> order = execution_order(graph_);
  const auto commits_at = std::find_if(order.begin(), order.end(),
                                       [&](NodeId id) { return graph_.node(id).op->is_commit; });
  const std::vector<NodeId> commits(commits_at, order.end());
  order.erase(commits_at, order.end());
  order = with_early_sums(graph_, std::move(order));
  order.insert(order.end(), commits.begin(), commits.end());
  return order;
}

// A step that lowering itself adds: one present output, layouts as the physical tensors say.
PhysicalId Lowering::emit(std::string_view op, const Attrs& attrs, std::vector<PhysicalId> inputs,
                          PhysicalId output, const std::string& origin) {
  OpQuery query;
  query.op = op;
  query.attrs = &attrs;
  query.threads = options_.threads;
  query.tf32 = options_.tf32;
  for (const PhysicalId input : inputs) {
    query.inputs.push_back(physicals_[static_cast<std::size_t>(input)].spec);
  }
  query.outputs.push_back(physicals_[static_cast<std::size_t>(output)].spec);
  SelectedKernel selected = select_kernel(backend_, query);
  PendingStep pending;
  pending.step.kernel = std::move(selected.kernel);
  pending.step.family = std::move(selected.family);
  pending.step.refusals = std::move(selected.refusals);
  pending.step.op = op;
  pending.step.origin = origin;
  note_types(query, pending.step);
  pending.inputs = std::move(inputs);
  pending.outputs = {output};
  steps_.push_back(std::move(pending));
  return output;
}

// Reshape, Flatten and the like of a plain value: the same memory under another shape.
bool Lowering::lower_as_alias(const Node& node) {
  if (!node.op->is_reshape()) {
    return false;
  }
  const Value& output = graph_.value(node.outputs.front());
  const PhysicalId source = in_layout(physical(node.inputs.front()), Layout{}, false);
  const PhysicalId alias = add_physical({output.dtype, output.shape, {}, false});
  Physical& made = physicals_.back();
  const Physical& from = physicals_[static_cast<std::size_t>(source)];
  made.home = from.home;
  made.index = from.index;
  made.variable = from.variable;
  made.offset = from.offset;
  made.shares = source;
  of_value_[node.outputs.front()] = alias;
  place_gradient(node.outputs.front(), alias);
  return true;
}

// A node all of whose outputs are empty has nothing to compute, whatever its other dimensions are.
bool Lowering::lower_as_empty(const Node& node) {
  const bool empty = std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
    return !id.valid() || (graph_.value(id).dtype != DType::kOpaque && !gradient_of_.contains(id) &&
                           graph_.value(id).shape.element_count() == 0);
  });
  if (!empty || node.op->is_stateful) {
    return false;
  }
  for (const ValueId id : node.outputs) {
    if (id.valid()) {
      of_value_[id] = add_physical({graph_.value(id).dtype, graph_.value(id).shape, {}, false});
    }
  }
  return true;
}

// All of p, g and state of one parameter are read in the parameter's layout.
void Lowering::lower_commit_layouts(const Node& node, OpQuery& query) {
  const UpdateLayout layout = UpdateLayout::of(node.attrs);
  for (std::size_t i = UpdateLayout::kScalars; i < layout.memory(); ++i) {
    const ValueId parameter = node.inputs[layout.parameter(layout.parameter_of_input(i))];
    const VariableId variable = graph_.value(parameter).variable;
    query.inputs[i].layout = variable_layout(variable);
    query.inputs[i].layout_free = false;
  }
  for (std::size_t i = 0; i < query.outputs.size(); ++i) {
    query.outputs[i].layout = query.inputs[layout.input_of_output(i)].layout;
    query.outputs[i].layout_free = false;
  }
}

void Lowering::lower_node(NodeId id) {
  const Node& node = graph_.node(id);
  if (lower_as_alias(node) || lower_as_empty(node) || lower_as_parts(node) ||
      lower_as_whole(node) || lower_later(id)) {
    return;
  }
  // Where no kernel is found, so that all that are missing are named at once.
  const auto go_on = [&] {
    for (const ValueId output : node.outputs) {
      if (output.valid()) {
        of_value_[output] =
            add_physical({graph_.value(output).dtype, graph_.value(output).shape, {}, false});
      }
    }
  };
  OpQuery query = make_query(graph_, id, options_.threads);
  query.tf32 = options_.tf32;
  std::vector<PhysicalId> inputs(node.inputs.size(), -1);
  std::string family;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!node.inputs[i].valid()) {
      continue;
    }
    inputs[i] = physical(node.inputs[i]);
    query.inputs[i] = physicals_[static_cast<std::size_t>(inputs[i])].spec;
    if (query.inputs[i].dtype == DType::kOpaque) {
      const auto forward = kernels_.find(graph_.value(node.inputs[i]).producer);
      if (forward == kernels_.end()) {
        return go_on();  // the forward's kernel is missing
      }
      std::tie(query.forward, family) = forward->second;
    }
  }
  for (std::size_t i = 0; i < query.outputs.size(); ++i) {
    const auto gradient = gradient_of_.find(node.outputs[i]);
    if (gradient != gradient_of_.end()) {
      query.outputs[i].layout = variable_layout(gradient->second);
      query.outputs[i].layout_free = false;
    }
  }
  if (node.op->is_commit) {
    lower_commit_layouts(node, query);
  }
  try {
    SelectedKernel selected = sums_over_ranks(node) ? prepare_sum(query, options_)
                              : node.bodies.empty()
                                  ? select_kernel(backend_, query, family)
                                  : prepare_control(node, query, backend_, options_);
    if (std::any_of(query.outputs.begin(), query.outputs.end(),
                    [](const TensorSpec& spec) { return spec.dtype == DType::kOpaque; })) {
      kernels_[id] = {selected.kernel.get(), selected.family};
    }
    emit_selected(node, query, std::move(selected), std::move(inputs));
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    missing_.push_back(concat(error.message(), " (", node.origin, ")"));
    go_on();
  }
}

void Lowering::emit_selected(const Node& node, OpQuery& query, SelectedKernel selected,
                             std::vector<PhysicalId> inputs) {
  PendingStep pending;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] < 0) {
      continue;
    }
    const Layout wanted = layout_at(selected.kernel->input_layouts, i);
    inputs[i] = in_layout(inputs[i], wanted, true);
  }
  if (auto* prepares = dynamic_cast<PreparesInput*>(selected.kernel.get())) {
    lower_preparation(prepares->take_preparation(), selected.family, node.origin, inputs);
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const ValueId output = node.outputs[i];
    if (!output.valid()) {
      pending.outputs.push_back(-1);
      continue;
    }
    TensorSpec spec = query.outputs[i];
    spec.layout = layout_at(selected.kernel->output_layouts, i);
    spec.layout_free = false;
    query.outputs[i] = spec;
    const PhysicalId made = add_physical(spec);
    Physical& physical_tensor = physicals_.back();
    if (spec.dtype == DType::kOpaque) {
      physical_tensor.opaque_bytes = selected.kernel->opaque_bytes.at(i);
    }
    if (node.op->is_commit) {
      physical_tensor.home = Physical::Home::kVariable;
      const std::size_t source = UpdateLayout::of(node.attrs).input_of_output(i);
      physical_tensor.variable = graph_.value(node.inputs[source]).variable;
    }
    pending.outputs.push_back(made);
    of_value_[output] = made;
  }
  pending.step.kernel = std::move(selected.kernel);
  pending.step.family = std::move(selected.family);
  pending.step.refusals = std::move(selected.refusals);
  pending.step.op = node.op->name();
  pending.repeats = repeats(node) && !sums_over_ranks(node);
  pending.step.converts = node.op->movement == Movement::kConvert;
  pending.step.origin = node.origin;
  note_types(query, pending.step);
  pending.inputs = std::move(inputs);
  steps_.push_back(std::move(pending));
  if (sums_over_ranks(node)) {
    share_summed(node);
    return;
  }
  for (const ValueId output : node.outputs) {
    if (output.valid()) {
      place_gradient(output, of_value_.at(output));
    }
  }
}

// A gradient that the optimizer reads goes to the flat block in its variable's layout.
void Lowering::place_gradient(ValueId value, PhysicalId made) {
  const auto gradient = gradient_of_.find(value);
  if (gradient == gradient_of_.end()) {
    return;
  }
  const VariableId variable = gradient->second;
  const Layout wanted = variable_layout(variable);
  const Physical& from = physicals_[static_cast<std::size_t>(made)];
  PhysicalId target = made;
  if (!(from.spec.layout == wanted) || from.shares >= 0 || from.home != Physical::Home::kBlock) {
    TensorSpec spec = from.spec;
    spec.layout = wanted;
    target = add_physical(spec);
    emit("Reorder", {}, {made}, target, "gradient layout");
    of_value_[value] = target;
  }
  Physical& flat = physicals_[static_cast<std::size_t>(target)];
  flat.home = Physical::Home::kFlat;
  flat.variable = variable;
}

// Bindings that no optimizer node carries out itself: copies at the very end of the step.
void Lowering::lower_updates() {
  for (const UpdateBinding& update : graph_.updates) {
    const Value& value = graph_.value(update.value);
    if (value.kind == ValueKind::kNode && graph_.node(value.producer).op->is_commit) {
      continue;
    }
    TEMPER_ASSERT(value.kind != ValueKind::kVariable, "update of ",
                  graph_.variable(update.variable).name, " reads a variable directly");
    const Layout layout = variable_layout(update.variable);
    const PhysicalId source = in_layout(physical(update.value), layout, false);
    TensorSpec spec = physicals_[static_cast<std::size_t>(source)].spec;
    const PhysicalId target = add_physical(spec);
    physicals_.back().home = Physical::Home::kVariable;
    physicals_.back().variable = update.variable;
    const std::string origin = concat("update of ", graph_.variable(update.variable).name);
    if (update.kind == UpdateBinding::Kind::kApply) {
      TEMPER_ASSERT(graph_.ok.valid(), "an apply binding needs the graph's ok");
      emit("CommitIf", {}, {physical(graph_.ok), source}, target, origin);
    } else {
      emit("Copy", {}, {source}, target, origin);
    }
  }
}

void Lowering::lower_outputs() {
  for (const auto& output : graph_.outputs) {
    outputs_.push_back(in_layout(physical(output.value), Layout{}, false));
  }
}

Plan Lowering::run() {
  find_gradients_of_variables();
  find_gradients_of_sums();
  for (const auto& [value, variable] : gradient_of_) {
    TEMPER_ASSERT(graph_.value(value).kind == ValueKind::kNode, "the gradient of ",
                  graph_.variable(variable).name, " is not computed by a node");
  }
  const std::vector<NodeId> order = schedule();
  check_sizes(order);
  bool commits_reached = false;
  for (const NodeId id : order) {
    if (graph_.node(id).op->is_commit && !commits_reached) {
      commits_reached = true;
      lower_outputs();  // before anything is overwritten
    }
    lower_node(id);
  }
  if (!commits_reached) {
    lower_outputs();
  }
  if (!missing_.empty()) {
    fail(ErrorCode::kUnsupported, join(missing_, "\n"));
  }
  lower_updates();
  register_variables();
  agree_on_sums();
  Plan plan;
  plan.threads = options_.threads;
  assign_addresses(plan);
  return plan;
}

}  // namespace temper::graph
