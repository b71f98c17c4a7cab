// Which dimensions of a Reshape's output follow from which of its input.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graph/onnx/surgery/axis_sizes.h"

namespace temper::graph {

struct ReshapeSizes {
  std::vector<Sizes> output;
  std::string unclear;  // why it cannot be seen; empty: it can
};

// `input`: the sizes that go in. `output`: those that come out at the file's size. `varying_of`:
// the sizes that vary and are known of a number in the file.
ReshapeSizes reshape_sizes(const std::vector<Sizes>& input, const std::vector<std::int64_t>& output,
                           const std::function<std::vector<Sizes>(std::int64_t)>& varying_of);

}  // namespace temper::graph
