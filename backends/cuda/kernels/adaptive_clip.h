// Adaptive gradient clipping (backends/common/adaptive_clip.h).
#pragma once

#include "backends/common/adaptive_clip.h"
#include "backends/cuda/device.h"

namespace temper::cuda {

void adaptive_clip(const AdaptiveClip& clip, const float* gradient, const float* parameter,
                   float* clipped, StreamHandle stream);

}  // namespace temper::cuda
