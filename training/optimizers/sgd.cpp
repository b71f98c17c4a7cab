// sgd.
#include "runtime/base/error.h"
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

void build_sgd(graph::Builder& builder, const UpdateInputs& inputs) {
  for (const Attrs& group : inputs.groups) {
    TEMPER_CHECK(group.get_int("nesterov", 0) == 0 ||
                     (group.get_double("momentum", 0) > 0 && group.get_double("dampening", 0) == 0),
                 ErrorCode::kInvalidArgument,
                 "optimizer.nesterov needs optimizer.momentum > 0 and optimizer.dampening = 0");
  }
  UpdateNode node{.op = "SgdUpdate"};
  if (any_group(inputs, "momentum")) {
    node.states = {{"momentum_buffer"}};
  }
  add_update(builder, inputs, node);
}

}  // namespace

std::vector<Optimizer> sgd_family() {
  return {{"sgd",
           "torch.optim.SGD: with momentum = 0.9 the usual choice for convolutional networks",
           with_common(1e-3, 0,
                       {number_parameter("momentum", 0, "momentum factor"),
                        number_parameter("dampening", 0, "dampening of the momentum", nullptr),
                        flag_parameter("nesterov", "Nesterov momentum")}),
           build_sgd}};
}

}  // namespace temper::training
