// Clipped gradients in double, written by tools/oracle/clipping.py.
#pragma once

#include <vector>

#include "runtime/base/shape.h"
#include "training/compile/step/gradient_clip.h"

namespace temper::training {

// A parameter "p0", "p1", ... with its gradient.
struct ClippingTensor {
  Shape shape;
  std::int64_t unit_axis = -1;
  std::vector<double> parameter, gradient;
};

struct ExpectedClipping {
  ClipSettings settings;
  bool centralize = false;
  double norm = 0;  // of all gradients before
  std::vector<std::vector<double>> gradients;
};

std::vector<ClippingTensor> clipping_tensors();
std::vector<ExpectedClipping> expected_clippings();

}  // namespace temper::training
