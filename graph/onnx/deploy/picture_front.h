// What was done to pictures before the model saw them, as nodes in front of its input: the file
// then takes 8-bit pictures as they are decoded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/deploy/front_nodes.h"

namespace temper::graph {

// In the order in which it is done.
struct PictureFront {
  bool channels_last = true;  // the file takes [N, height, width, channels]
  // Pictures of any size: brought to `resize` (none: just as large as covers `crop`; one number:
  // the shorter side; two: both), of which the middle `crop` is taken. Otherwise they have the
  // size that the model's input has.
  bool resizes = false;
  std::vector<std::int64_t> resize;
  std::vector<std::int64_t> crop;  // height, width
  std::string interpolation = "bilinear";
  double divisor = 1;
  std::vector<double> mean, std;  // one for each channel, or one for all; none: 0 and 1
};

// The model's only input of rank 4, [N, channels, height, width] of floats, becomes one of uint8
// under its name. THROWS: kUnsupported for another input, and for
// an opset that cannot resize so.
PreparedInput embed_picture_front(ModelEdit& edit, const PictureFront& front);

}  // namespace temper::graph
