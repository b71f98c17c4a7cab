// A second state of a run in its own store: everything that an applied step changes, kept to go
// back to. Part of every checkpoint.
#pragma once

#include "runtime/exec/variable_store.h"

namespace temper::training {

// Parameters, statistics, moments and the count of updates; not what every attempt moves: position
// in the data, loss scale, accumulated gradients.
bool belongs_to_snapshot(const StoreVariable& variable);

// REQUIRES: CompileSettings::keeps_snapshot(); between steps.
void take_snapshot(VariableStore& store);
void restore_snapshot(VariableStore& store);

}  // namespace temper::training
