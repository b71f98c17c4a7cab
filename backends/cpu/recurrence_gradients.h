// The gradients of a recurrent layer's weights, biases and inputs from those of the gates' sums.
#pragma once

#include "backends/cpu/recurrence_memory.h"

namespace temper::cpu {

// Of direction d, each one product over all steps. `x` is 0 where a sample is not there. The
// gradient of the inputs adds up over the directions.
void write_weight_gradients(const RecurrencePlan& plan, const KernelArgs& args,
                            const RecurrenceMemory& memory, const float* x, std::int64_t d);

}  // namespace temper::cpu
