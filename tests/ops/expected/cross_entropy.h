// Values of torch.nn.functional.cross_entropy and its gradient, in double.
#pragma once

#include <string>
#include <vector>

#include "tests/ops/op_case.h"

namespace temper::op_suite {

struct TorchLoss {
  std::string label;
  Attrs attrs;
  OpInput logits;
  OpInput labels;
  OpInput weight;
  OpInput dloss;
  HostTensor loss;
  HostTensor log_prob;
  HostTensor dlogits;
};

std::vector<TorchLoss> torch_cross_entropy();

}  // namespace temper::op_suite
