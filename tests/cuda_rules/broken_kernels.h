// Kernels that break a rule of backends/cuda/README.md each, and one that keeps them all: what is
// to find them must find them.
#pragma once

#include "backends/cuda/device.h"

namespace temper::cuda {

enum class Broken {
  kNothing,
  kReadBehind,
  kWriteBehind,
  kWriteBehindShared,
  kMisaligned,
  kMissingBarrier,
  kMissingSecondBarrier,
  kMissingWarpBarrier,
  kTwoBlocks,
  kFirstAndLastBlock,
  kDivergentBarrier,
  kTwoBarrierLines,
  kEarlyReturn,
  kHalfWarp,
  kHalfMask,
  kTooLittleShared,
  kUnwrittenShared,
};

inline constexpr int kBrokenThreads = 64;

// x and y have kBrokenThreads elements. What keeps the rules writes y[i] = x[63 - i] + the sum of
// all x.
void run_broken(Broken kind, const float* x, float* y, StreamHandle stream);

}  // namespace temper::cuda
