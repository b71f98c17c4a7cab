// radam, nadam and adamax.
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

void build_radam(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "RadamUpdate", .states = {{"exp_avg"}, {"exp_avg_sq"}}});
}

void build_nadam(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(
      builder, inputs,
      {.op = "NadamUpdate", .states = {{"exp_avg"}, {"exp_avg_sq"}}, .memory = "mu_product"});
}

void build_adamax(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "AdamaxUpdate", .states = {{"exp_avg"}, {"exp_inf"}}});
}

}  // namespace

std::vector<Optimizer> adam_variants() {
  const ParameterSpec betas = pair_parameter("betas", 0.9, 0.999, "decay of the two moments");
  const ParameterSpec eps = number_parameter("eps", 1e-8, "added to the denominator");
  const ParameterSpec decoupled =
      flag_parameter("decoupled_weight_decay", "decay as AdamW's, not an L2 penalty");
  return {
      {"radam", "torch.optim.RAdam: Adam that warms up by itself; needs no schedule.warmup",
       with_common(1e-3, 0, {betas, eps, decoupled}), build_radam},
      {"nadam", "torch.optim.NAdam: Adam with Nesterov momentum; often a little faster early",
       with_common(2e-3, 0,
                   {betas, eps, number_parameter("momentum_decay", 4e-3, "decay of the momentum"),
                    decoupled}),
       build_nadam},
      {"adamax",
       "torch.optim.Adamax: Adam with the largest gradient in place of the mean square; for "
       "sparse or heavy-tailed gradients",
       with_common(2e-3, 0, {betas, eps}), build_adamax}};
}

}  // namespace temper::training
