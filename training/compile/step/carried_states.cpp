#include "training/compile/step/carried_states.h"

#include <algorithm>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::PortRole;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;
using graph::VariableIdentity;
using graph::VariableKind;

namespace {

bool is_carried(const graph::Port& port) { return port.role == PortRole::kCarriedState; }

Shape with_rows(const Shape& shape, std::int64_t rows) {
  Shape made = shape;
  made[0] = rows;
  return made;
}

}  // namespace

CarriedStates::CarriedStates(Graph& graph, const CompileSettings& settings,
                             const GraphRequest& request)
    : settings_(settings),
      trains_(request.kind != GraphKind::kEvaluate && request.kind != GraphKind::kPredict),
      rows_(request.batch) {
  std::vector<ValueId> inputs;
  std::copy_if(graph.inputs.begin(), graph.inputs.end(), std::back_inserter(inputs),
               [&](ValueId id) { return is_carried(graph.value(id).port); });
  if (inputs.empty()) {
    return;
  }
  TEMPER_ASSERT(inputs.size() == settings.carried.size() && rows_ <= settings.carried_rows);
  const ValueId continues =
      graph.add_input("continues", DType::kBool, Shape{rows_}, {PortRole::kContinues, 0});
  Builder builder(graph, "carried state");
  for (const ValueId input : inputs) {
    const int index = graph.value(input).port.index;
    State state;
    state.of = &settings.carried[static_cast<std::size_t>(index)];
    const Shape shape = graph.value(input).shape;
    Variable variable;
    variable.name = concat("carried.", state.of->input);
    variable.identity = VariableIdentity::of_tensor(
        trains_ ? VariableKind::kCarried : VariableKind::kCarriedAside, index);
    variable.dtype = graph.value(input).dtype;
    variable.shape = with_rows(shape, settings.carried_rows);
    variable.layout_free = false;
    state.variable = graph.add_variable(std::move(variable));
    state.all = graph.read_variable(state.variable);
    const ValueId left =
        rows_ < settings.carried_rows ? builder.slice(state.all, 0, 0, rows_) : state.all;
    Shape flags = Shape{rows_};
    while (flags.rank() < shape.rank()) {
      flags.push_back(1);
    }
    const ValueId initial = graph.add_constant({}, state.of->initial);
    state.before = builder.op("Where", {builder.reshape(continues, flags), left, initial});
    graph.replace_uses(input, state.before);
    std::erase(graph.inputs, input);
    states_.push_back(state);
  }
}

void CarriedStates::keep(Graph& graph) const {
  Builder builder(graph, "carried state");
  std::vector<ValueId> afterwards(states_.size());
  std::erase_if(graph.outputs, [&](const Graph::Output& output) {
    if (is_carried(output.port)) {
      afterwards[static_cast<std::size_t>(output.port.index)] = output.value;
    }
    return is_carried(output.port);
  });
  for (std::size_t i = 0; i < states_.size(); ++i) {
    const State& state = states_[i];
    ValueId next = afterwards[i];
    const Shape shape = builder.shape(state.before);
    TEMPER_CHECK(builder.shape(next) == shape && is_float(builder.dtype(next)),
                 ErrorCode::kInvalidArgument, "model.input.", state.of->input, ".carry = \"",
                 state.of->output, "\": the output is ", builder.dtype(next), builder.shape(next),
                 " with the samples first, the state is ", builder.dtype(state.before), shape);
    next = builder.cast(next, builder.dtype(state.before));
    if (trains_) {
      next = builder.op("Where", {builder.op("AllFinite", {next}), next, state.before});
    }
    if (rows_ < settings_.carried_rows) {
      const ValueId others = builder.slice(state.all, 0, rows_, settings_.carried_rows);
      next = builder.op("Concat", {next, others}, {{"axis", std::int64_t{0}}});
    }
    graph.add_update({state.variable, next, UpdateBinding::Kind::kAttempt});
  }
}

}  // namespace temper::training
