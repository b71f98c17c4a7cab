// U-Net (Ronneberger et al. 2015) in its usual form today: padded 3x3 convolutions with BatchNorm,
// ConvTranspose on the way up.
#include <vector>

#include "models/architecture_list.h"
#include "models/layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

// Twice Conv, BatchNorm, ReLU.
ValueId double_conv(Network& n, ValueId x, std::int64_t inputs, std::int64_t outputs) {
  const ConvOptions options = {.pad = 1, .bias = false};
  x = relu(n, batch_norm(n, "bn1", conv(n, "conv1", x, inputs, outputs, options), outputs));
  return relu(n, batch_norm(n, "bn2", conv(n, "conv2", x, outputs, outputs, options), outputs));
}

void build(Network& n, const Attrs& options) {
  const std::int64_t depth = options.get_int("depth", 0);
  const std::int64_t size = options.get_int("image-size", 0);
  TEMPER_CHECK(depth < 16 && size % (std::int64_t{1} << depth) == 0, ErrorCode::kInvalidArgument,
               "pictures of ", size, "x", size, " cannot be halved ", depth,
               " times without rest; change --image-size or --depth");
  ValueId x = image_input(n, options);
  std::int64_t inputs = options.get_int("channels", 0);
  std::int64_t width = options.get_int("width", 0);
  std::vector<ValueId> across;
  for (std::int64_t i = 0; i < depth; ++i) {
    const Scope scope(n, concat("down.", i));
    across.push_back(double_conv(n, x, inputs, width));
    x = max_pool(n, across.back(), 2, 2);
    inputs = width;
    width *= 2;
  }
  {
    const Scope scope(n, "bottom");
    x = double_conv(n, x, inputs, width);
  }
  for (std::int64_t i = depth; i-- > 0;) {
    const Scope scope(n, concat("up.", i));
    x = conv_transpose(n, "up", x, width, width / 2, {.kernel = 2, .stride = 2});
    x = double_conv(n, concat_along(n, {x, across[static_cast<std::size_t>(i)]}, 1), width,
                    width / 2);
    width /= 2;
  }
  const std::int64_t classes = options.get_int("classes", 0);
  n.output("output", conv(n, "head", x, width, classes, {.kernel = 1}),
           {open_dim("batch"), fixed_dim(classes), fixed_dim(size), fixed_dim(size)});
}

}  // namespace

Architecture unet() {
  return {"unet",
          "U-Net: pictures to output [batch, classes, size, size], a score or value a pixel",
          {{"classes", std::int64_t{1}, "channels of the output"},
           channels_option(3),
           image_size_option(256),
           {"width", std::int64_t{32}, "channels of the first level; each below has twice more"},
           {"depth", std::int64_t{4}, "times the picture is halved"}},
          build};
}

}  // namespace temper::models
