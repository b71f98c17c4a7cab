// adam and adamw.
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

void build_adam_with(graph::Builder& builder, const UpdateInputs& inputs, bool decoupled) {
  UpdateNode node{.op = "AdamUpdate", .states = {{"exp_avg"}, {"exp_avg_sq"}}};
  if (any_group(inputs, "amsgrad")) {
    node.states.push_back({"max_exp_avg_sq"});
  }
  node.constants = {{"decoupled", decoupled ? 1 : 0}};
  add_update(builder, inputs, node);
}

void build_adam(graph::Builder& builder, const UpdateInputs& inputs) {
  build_adam_with(builder, inputs, false);
}

void build_adamw(graph::Builder& builder, const UpdateInputs& inputs) {
  build_adam_with(builder, inputs, true);
}

std::vector<ParameterSpec> adam_parameters(double weight_decay) {
  return with_common(1e-3, weight_decay,
                     {pair_parameter("betas", 0.9, 0.999, "decay of the two moments"),
                      number_parameter("eps", 1e-8, "added to the denominator"),
                      flag_parameter("amsgrad", "divide by the largest second moment so far")});
}

}  // namespace

std::vector<Optimizer> adam_family() {
  return {
      {"adam", "torch.optim.Adam: weight_decay is an L2 penalty in the gradient",
       adam_parameters(0), build_adam},
      {"adamw", "torch.optim.AdamW: decoupled decay; the safe first choice for almost any network",
       adam_parameters(1e-2), build_adamw}};
}

}  // namespace temper::training
