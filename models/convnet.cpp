// A small convolutional network for small pictures: blocks of Conv, BatchNorm and ReLU, each at
// half the size of the one before.
#include "models/architecture_list.h"
#include "models/layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

void build(Network& n, const Attrs& options) {
  const std::vector<std::int64_t> widths = options.get_ints("widths");
  const std::int64_t size = options.get_int("image-size", 0);
  TEMPER_CHECK(size >> widths.size() > 0, ErrorCode::kInvalidArgument, "pictures of ", size, "x",
               size, " cannot be halved ", widths.size(), " times; give fewer widths");
  ValueId x = image_input(n, options);
  std::int64_t width = options.get_int("channels", 0);
  int number = 0;
  for (const std::int64_t next : widths) {
    const Network::Scope scope(n, concat("blocks.", number++));
    x = conv(n, "conv", x, width, next, {.pad = 1, .bias = false});
    x = max_pool(n, relu(n, batch_norm(n, "bn", x, next)), 2, 2);
    width = next;
  }
  x = dropout(n, global_average(n, x), options.get_double("dropout", 0));
  class_output(n, linear(n, "head", x, width, options.get_int("classes", 0)), options);
}

}  // namespace

Architecture convnet() {
  return {"convnet",
          "small convolutional network with BatchNorm: pictures to logits [batch, classes]",
          {classes_option(10),
           channels_option(3),
           image_size_option(32),
           {"widths", std::vector<std::int64_t>{32, 64, 128}, "channels of each block"},
           dropout_option(0)},
          build};
}

}  // namespace temper::models
