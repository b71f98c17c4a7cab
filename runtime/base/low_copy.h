// A parameter's copy in 16 bits, which mixed precision keeps beside it on a device: the optimizer's
// pass writes it with the parameter, and the next step's products read it. It can be made again at
// any time, so no file and no snapshot holds it; whoever else sets a parameter of a store sets its
// copy (runtime/exec/variable_store.cpp).
#pragma once

#include "runtime/base/variable_identity.h"

namespace temper {

// Among what belongs to a parameter as an optimizer's state, whose other numbers count from 0.
inline constexpr int kLowCopySlot = 1000;

inline VariableIdentity low_copy_of(int parameter) {
  return VariableIdentity::beside(parameter, VariableKind::kMoment, kLowCopySlot);
}

inline bool is_low_copy(const VariableIdentity& identity) {
  return identity.kind == VariableKind::kMoment && identity.slot == kLowCopySlot;
}

}  // namespace temper
