// The CPU backend: oneDNN and own vectorised kernels first, the rows of a fallback (the reference
// backend's) behind them.
#pragma once

#include <memory>

#include "runtime/backend/backend.h"

namespace temper::cpu {

// Written by CMake: calls register_<file stem>(KernelTable&) of every file in kernels/.
void register_all_kernels(KernelTable& table);

// `add_fallback` adds the rows that come last. THROWS: kDevice when the oneDNN library loaded is
// not of the version this was built with.
std::unique_ptr<Backend> make_cpu_backend(void (*add_fallback)(KernelTable&));

}  // namespace temper::cpu
