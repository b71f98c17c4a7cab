// lamb and lars.
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

void build_lamb(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "LambUpdate", .states = {{"exp_avg"}, {"exp_avg_sq"}}});
}

void build_lars(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "LarsUpdate", .states = {{"momentum_buffer"}}});
}

}  // namespace

std::vector<Optimizer> trust_ratio_family() {
  return {
      {"lamb",
       "LAMB (You et al. 2020; not in torch.optim): AdamW scaled to each tensor's norm, for "
       "batches "
       "of thousands",
       with_common(1e-3, 0,
                   {pair_parameter("betas", 0.9, 0.999, "decay of the two moments"),
                    number_parameter("eps", 1e-6, "added to the denominator")}),
       build_lamb},
      {"lars",
       "LARS (You et al. 2017; not in torch.optim): SGD scaled to each tensor's norm, for "
       "convolutional networks and batches of thousands",
       with_common(1e-3, 0,
                   {number_parameter("momentum", 0.9, "momentum factor"),
                    number_parameter("dampening", 0, "dampening of the momentum"),
                    flag_parameter("nesterov", "Nesterov momentum"),
                    number_parameter("trust_coefficient", 1e-3, "trust in the norm of a tensor"),
                    number_parameter("eps", 1e-8, "added to the denominator of the ratio")}),
       build_lars}};
}

}  // namespace temper::training
