// The specification: plain loops, wide accumulators, every op, plain layouts. The oracle of the
// tests and the last row of every other backend's table.
#pragma once

#include <memory>

#include "runtime/backend/backend.h"

namespace temper::reference {

// Written by CMake: calls register_<file stem>(KernelTable&) of every file in kernels/.
void register_all_kernels(KernelTable& table);

std::unique_ptr<Backend> make_reference_backend();

}  // namespace temper::reference
