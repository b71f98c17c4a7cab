// [clip] of a recipe: limits on gradients.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

// By value first, then by unit, then by one norm; 0 is none.
struct ClipSettings {
  double norm = 0;         // of all gradients together: torch.nn.utils.clip_grad_norm_
  double tensor_norm = 0;  // of each tensor's gradient by itself
  double norm_type = 2;    // of every norm: 1, 2, inf or any other p > 0
  double value = 0;        // every element to [-value, value]: clip_grad_value_
  // Adaptive clipping: each unit's gradient to agc max(norm of the unit's weights, agc_eps).
  double agc = 0;
  double agc_eps = 1e-3;
  std::vector<std::string> agc_exclude;  // patterns of tensors it leaves alone
};

}  // namespace temper::training
