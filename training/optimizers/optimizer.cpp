#include "training/optimizers/optimizer.h"

#include "runtime/base/error.h"

namespace temper::training {
namespace {

using graph::ValueId;
using graph::VariableId;

ParameterSpec number(std::string name, double fallback, std::string help,
                     std::string (*check)(const AttrValue&)) {
  return {std::move(name), fallback, std::move(help), check};
}

ParameterSpec flag(std::string name, std::string help) {
  return {std::move(name), std::int64_t{0}, std::move(help), nullptr, true};
}

// One state variable per parameter, in a flat group parallel to the parameters'.
std::vector<VariableId> add_states(graph::Graph& graph, const std::vector<VariableId>& parameters,
                                   const std::string& kind) {
  std::vector<VariableId> states;
  for (const VariableId id : parameters) {
    const graph::Variable parameter = graph.variable(id);
    graph::Variable state;
    state.name = parameter.name + "." + kind;
    state.dtype = parameter.dtype;
    state.shape = parameter.shape;
    state.role = graph::VariableRole::kState;
    state.flat_group = parameter.flat_group + "." + kind;
    state.flat_order = parameter.flat_order;
    state.layout_of = id;
    states.push_back(graph.add_variable(std::move(state)));
  }
  return states;
}

Attrs group_attrs(const UpdateInputs& inputs) {
  std::vector<double> lr_scale;
  std::vector<double> weight_decay;
  for (const GroupValues& group : inputs.groups) {
    lr_scale.push_back(group.lr_scale);
    weight_decay.push_back(group.weight_decay);
  }
  return {{"count", static_cast<std::int64_t>(inputs.parameters.size())},
          {"group_lr_scale", lr_scale},
          {"group_weight_decay", weight_decay},
          {"group_of", inputs.group_of}};
}

void add_update(graph::Builder& builder, const char* op, const UpdateInputs& inputs,
                const std::vector<std::vector<VariableId>>& states, Attrs attrs) {
  graph::Graph& graph = builder.graph();
  std::vector<ValueId> node_inputs = {inputs.ok, inputs.rates, inputs.step, inputs.scale};
  std::vector<VariableId> written = inputs.parameters;
  for (const VariableId id : inputs.parameters) {
    node_inputs.push_back(graph.read_variable(id));
  }
  node_inputs.insert(node_inputs.end(), inputs.gradients.begin(), inputs.gradients.end());
  for (const auto& family : states) {
    for (const VariableId id : family) {
      node_inputs.push_back(graph.read_variable(id));
      written.push_back(id);
    }
  }
  const std::vector<ValueId> outputs =
      builder.ops(op, std::move(node_inputs), static_cast<int>(written.size()), std::move(attrs));
  for (std::size_t i = 0; i < written.size(); ++i) {
    graph.add_update({written[i], outputs[i], graph::UpdateBinding::Kind::kApply});
  }
}

void build_sgd(graph::Builder& builder, const UpdateInputs& inputs, const Attrs& parameters) {
  Attrs attrs = group_attrs(inputs);
  const double momentum = parameters.get_double("momentum", 0);
  attrs.set("momentum", momentum);
  attrs.set("dampening", parameters.get_double("dampening", 0));
  attrs.set("nesterov", parameters.get_int("nesterov", 0));
  attrs.set("maximize", parameters.get_int("maximize", 0));
  TEMPER_CHECK(parameters.get_int("nesterov", 0) == 0 ||
                   (momentum > 0 && parameters.get_double("dampening", 0) == 0),
               ErrorCode::kInvalidArgument,
               "optimizer.nesterov needs optimizer.momentum > 0 and optimizer.dampening = 0");
  std::vector<std::vector<VariableId>> states;
  if (momentum != 0) {
    states.push_back(add_states(builder.graph(), inputs.parameters, "momentum"));
  }
  add_update(builder, "SgdUpdate", inputs, states, std::move(attrs));
}

void build_adam_family(graph::Builder& builder, const UpdateInputs& inputs, const Attrs& parameters,
                       bool decoupled) {
  Attrs attrs = group_attrs(inputs);
  const std::vector<double> betas = parameters.get_doubles("betas");
  TEMPER_CHECK(betas.size() == 2, ErrorCode::kInvalidArgument,
               "optimizer.betas must be two numbers, such as [0.9, 0.999]");
  attrs.set("beta1", betas[0]);
  attrs.set("beta2", betas[1]);
  attrs.set("epsilon", parameters.get_double("eps", 1e-8));
  attrs.set("maximize", parameters.get_int("maximize", 0));
  attrs.set("decoupled", std::int64_t{decoupled});
  add_update(builder, "AdamUpdate", inputs,
             {add_states(builder.graph(), inputs.parameters, "exp_avg"),
              add_states(builder.graph(), inputs.parameters, "exp_avg_sq")},
             std::move(attrs));
}

void build_adam(graph::Builder& builder, const UpdateInputs& inputs, const Attrs& parameters) {
  build_adam_family(builder, inputs, parameters, false);
}

void build_adamw(graph::Builder& builder, const UpdateInputs& inputs, const Attrs& parameters) {
  build_adam_family(builder, inputs, parameters, true);
}

std::vector<ParameterSpec> adam_parameters(double weight_decay) {
  return {number("lr", 1e-3, "learning rate", require_not_negative),
          {"betas", std::vector<double>{0.9, 0.999}, "decay of the two moments", require_share},
          number("eps", 1e-8, "added to the denominator", require_not_negative),
          number("weight_decay", weight_decay, "decay of the weights", require_not_negative),
          flag("maximize", "ascend instead of descend")};
}

std::vector<Optimizer> make_optimizers() {
  return {
      {"sgd",
       "stochastic gradient descent (torch.optim.SGD)",
       {number("lr", 1e-3, "learning rate", require_not_negative),
        number("momentum", 0, "momentum factor", require_not_negative),
        number("dampening", 0, "dampening of the momentum", nullptr),
        number("weight_decay", 0, "L2 penalty added to the gradient", require_not_negative),
        flag("nesterov", "Nesterov momentum"), flag("maximize", "ascend instead of descend")},
       1e-3,
       build_sgd},
      {"adam", "torch.optim.Adam (decay added to the gradient)", adam_parameters(0), 1e-3,
       build_adam},
      {"adamw", "torch.optim.AdamW (decoupled decay)", adam_parameters(1e-2), 1e-3, build_adamw},
  };
}

}  // namespace

const std::vector<Optimizer>& optimizers() {
  static const std::vector<Optimizer> kOptimizers = make_optimizers();
  return kOptimizers;
}

const Optimizer& find_optimizer(std::string_view name) {
  std::vector<std::string> names;
  for (const Optimizer& optimizer : optimizers()) {
    if (optimizer.name == name) {
      return optimizer;
    }
    names.push_back(optimizer.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown optimizer '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

}  // namespace temper::training
