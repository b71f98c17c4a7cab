// The gradient of a convolution's weights where the channels of x and dy lie in blocks as wide as a
// vector register: dw in blocks of input channels by output channels. Each block of dw is summed in
// registers, tap by tap, over the output positions whose tap lies inside the input: what padding
// would multiply by zero is left out, which in small pictures is more than half.
#pragma once

#include "backends/cpu/pool_loops.h"

namespace temper::cpu {

// Of one or two spatial dimensions, the axes behind the first of the window.
struct BlockedConv {
  PoolWindow window;
  std::int64_t samples = 1;
  std::int64_t inputs = 1, outputs = 1;  // blocks of channels

  std::int64_t taps() const { return window.axes[1].kernel * window.axes[2].kernel; }
  // Parts of dw that are computed apart: blocks of inputs by pairs of blocks of outputs.
  std::int64_t units() const { return inputs * ((outputs + 1) / 2); }
};

// dw [outputs][inputs][taps][lanes of x][lanes of dy], units [begin, end) of it; 16 or 8 lanes. The
// order of additions depends on the sizes only.
void blocked_weight_gradient(const BlockedConv& conv, int lanes, const float* x, const float* dy,
                             float* dw, std::int64_t begin, std::int64_t end);

}  // namespace temper::cpu
