// Processors other than x86: other kernels convolve there.
#include "backends/cpu/lane_conv_kernels.h"

namespace temper::cpu {

const LaneConvKernels* lane_conv_kernels() { return nullptr; }

}  // namespace temper::cpu
