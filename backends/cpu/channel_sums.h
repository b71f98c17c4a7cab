// ReduceSum of f32 or bf16 over all axes but the channels, where those lie in blocks or last: the
// gradient of a bias added to each channel, without a copy into the plain layout.
#pragma once

#include <memory>

#include "runtime/backend/kernel.h"

namespace temper::cpu {

// Null where the query is another one.
std::unique_ptr<Kernel> channel_sum_kernel(const OpQuery& query);

}  // namespace temper::cpu
