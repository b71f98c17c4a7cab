// Which processors this process may use, and how many.
#pragma once

#include <string>
#include <vector>

namespace temper {

// The numbers of the processors in the affinity mask, ascending; empty where the system does not
// say.
std::vector<int> allowed_processors();

// Processors in the affinity mask (taskset, batch systems), cut down to the processor quota of the
// control group when a container has one; at least 1. std::thread::hardware_concurrency() sees
// neither.
int available_processors();

// Asks the system to let the calling thread, and those it starts from now on, run in short turns.
// Its share of the processors stays what it is; but where other programs use them too, a thread
// that was waited for begins at once in place of at the end of another program's turn. Linux 6.12
// and later know such a wish, others ignore it.
void ask_for_short_turns();

// The name shown by `top -H`; cut to 15 characters.
void set_thread_name(const std::string& name);

}  // namespace temper
