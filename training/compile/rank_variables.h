// Variables that all ranks of a run are to have alike.
#pragma once

#include <functional>

#include "runtime/backend/communicator.h"
#include "runtime/exec/variable_store.h"

namespace temper::training {

// Puts rank 0's values in the place of the others': all ranks call it, and have the same variables
// in the same order. THROWS: kDistributed.
void broadcast_variables(VariableStore& store, Communicator& ranks,
                         const std::function<bool(const StoreVariable&)>& wanted);

}  // namespace temper::training
