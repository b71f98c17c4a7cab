// rmsprop, adagrad, adadelta and lion.
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

void build_rmsprop(graph::Builder& builder, const UpdateInputs& inputs) {
  UpdateNode node{.op = "RmspropUpdate", .states = {{"square_avg"}}};
  if (any_group(inputs, "centered")) {
    node.states.push_back({"grad_avg"});
  }
  if (any_group(inputs, "momentum")) {
    node.states.push_back({"momentum_buffer"});
  }
  add_update(builder, inputs, node);
}

void build_adagrad(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs,
             {.op = "AdagradUpdate", .states = {{"sum", "initial_accumulator_value"}}});
}

void build_adadelta(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "AdadeltaUpdate", .states = {{"square_avg"}, {"acc_delta"}}});
}

void build_lion(graph::Builder& builder, const UpdateInputs& inputs) {
  add_update(builder, inputs, {.op = "LionUpdate", .states = {{"exp_avg"}}});
}

}  // namespace

std::vector<Optimizer> adaptive_family() {
  return {
      {"rmsprop",
       "torch.optim.RMSprop: divides by a running root mean square; for recurrent networks and "
       "GANs",
       with_common(1e-2, 0,
                   {number_parameter("alpha", 0.99, "decay of the mean square", require_share),
                    number_parameter("eps", 1e-8, "added to the denominator"),
                    number_parameter("momentum", 0, "momentum factor"),
                    flag_parameter("centered", "divide by an estimate of the deviation")}),
       build_rmsprop},
      {"adagrad", "torch.optim.Adagrad: rates shrink with every gradient seen; for sparse features",
       with_common(
           1e-2, 0,
           {number_parameter("lr_decay", 0, "lr / (1 + step lr_decay)"),
            number_parameter("initial_accumulator_value", 0, "sums of squares start from it"),
            number_parameter("eps", 1e-10, "added to the denominator")}),
       build_adagrad},
      {"adadelta", "torch.optim.Adadelta: no rate to tune, lr = 1 is only a factor",
       with_common(1.0, 0,
                   {number_parameter("rho", 0.9, "decay of the mean squares", require_share),
                    number_parameter("eps", 1e-6, "added under both roots")}),
       build_adadelta},
      {"lion",
       "Lion (Chen et al. 2023; not in torch.optim): the sign of a momentum, one state; take 3 to "
       "10 times less lr and more weight_decay than for adamw",
       with_common(1e-4, 0, {pair_parameter("betas", 0.9, 0.99, "of the step, of the momentum")}),
       build_lion}};
}

}  // namespace temper::training
