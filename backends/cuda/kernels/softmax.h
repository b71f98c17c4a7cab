// Softmax, LogSoftmax and their gradients along an axis.
#pragma once

#include "backends/cuda/device.h"
#include "backends/cuda/kernels/rows.h"

namespace temper::cuda {

void softmax(const AxisRows& rows, bool log, const float* x, float* y, StreamHandle stream);
// dx = y (dy - sum(dy y)), or dx = dy - exp(y) sum(dy)
void softmax_grad(const AxisRows& rows, bool log, const float* dy, const float* y, float* dx,
                  StreamHandle stream);

}  // namespace temper::cuda
