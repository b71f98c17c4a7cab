// LeNet-5 (LeCun et al. 1998) as it is written today: ReLU and max pooling.
#include "models/architecture_list.h"
#include "models/layers.h"

namespace temper::models {
namespace {

void build(Network& n, const Attrs& options) {
  const std::int64_t size = options.get_int("image-size", 0);
  const std::int64_t left = (size / 2 - 4) / 2;  // after both poolings
  const std::int64_t features = 16 * left * left;
  ValueId x = image_input(n, options);
  x = max_pool(
      n, relu(n, conv(n, "conv1", x, options.get_int("channels", 0), 6, {.kernel = 5, .pad = 2})),
      2, 2);
  x = max_pool(n, relu(n, conv(n, "conv2", x, 6, 16, {.kernel = 5})), 2, 2);
  x = relu(n, linear(n, "fc1", n.op("Flatten", {x}), features, 120));
  x = relu(n, linear(n, "fc2", x, 120, 84));
  class_output(n, linear(n, "fc3", x, 84, options.get_int("classes", 0)), options);
}

}  // namespace

Architecture lenet() {
  return {"lenet",
          "LeNet-5: pictures [batch, channels, size, size] to logits [batch, classes]",
          {classes_option(10), channels_option(1), image_size_option(28, 12)},
          build};
}

}  // namespace temper::models
