// SpikeGate on the device.
#pragma once

#include <cstdint>

#include "backends/cuda/device.h"

namespace temper::cuda {

// `next` may be the window.
void spike_gate(std::int64_t count, double factor, const float* window, const float* value,
                const bool* ok, bool* passes, bool* spike, float* next, StreamHandle stream);

}  // namespace temper::cuda
