// Kills this process at a chosen call that changes files: the program that links kill_at_call.cpp
// has its own write(), rename(), fsync() and the like, which count, and pass on to the kernel.
#pragma once

#include <cstdint>

namespace temper::testing_programs {

// At the call of this number (the first is 1) the process kills itself: odd numbers before the
// call, even ones after it, and a write() with half of its bytes written. 0: never.
void kill_at_call(std::int64_t number);

// Calls so far.
std::int64_t calls_that_change_files();

}  // namespace temper::testing_programs
