// How many processors this process may use.
#pragma once

#include <string>

namespace temper {

// Processors in the affinity mask (taskset, batch systems), cut down to the processor quota of the
// control group when a container has one; at least 1. std::thread::hardware_concurrency() sees
// neither.
int available_processors();

// The name shown by `top -H`; cut to 15 characters.
void set_thread_name(const std::string& name);

}  // namespace temper
