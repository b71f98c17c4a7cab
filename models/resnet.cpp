// Residual networks (He et al. 2015) as torchvision has them: the stride of a bottleneck lies in
// its 3x3 convolution, convolutions begin with kaiming_normal_(mode="fan_out").
#include <array>

#include "models/architecture_list.h"
#include "models/layers.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

ValueId shortcut(Network& n, ValueId x, std::int64_t inputs, std::int64_t outputs,
                 std::int64_t stride) {
  return inputs == outputs && stride == 1 ? x
                                          : conv_bn(n, "downsample.0", "downsample.1", x, inputs,
                                                    outputs, {.kernel = 1, .stride = stride});
}

ValueId basic_block(Network& n, ValueId x, std::int64_t inputs, std::int64_t width,
                    std::int64_t stride) {
  ValueId y = conv_bn(n, "conv1", "bn1", x, inputs, width, {.stride = stride, .pad = 1});
  y = conv_bn(n, "conv2", "bn2", relu(n, y), width, width, {.pad = 1});
  return relu(n, add(n, y, shortcut(n, x, inputs, width, stride)));
}

ValueId bottleneck(Network& n, ValueId x, std::int64_t inputs, std::int64_t width,
                   std::int64_t stride) {
  ValueId y = conv_bn(n, "conv1", "bn1", x, inputs, width, {.kernel = 1});
  y = conv_bn(n, "conv2", "bn2", relu(n, y), width, width, {.stride = stride, .pad = 1});
  y = conv_bn(n, "conv3", "bn3", relu(n, y), width, 4 * width, {.kernel = 1});
  return relu(n, add(n, y, shortcut(n, x, inputs, 4 * width, stride)));
}

void build(Network& n, const Attrs& options, const std::array<int, 4>& blocks, bool wide) {
  const std::int64_t first = options.get_int("width", 0);
  const bool small = options.get_string("stem", "") == "small";
  ValueId x = image_input(n, options);
  x = conv_bn(n, "conv1", "bn1", x, options.get_int("channels", 0), first,
              small ? ConvOptions{.pad = 1} : ConvOptions{.kernel = 7, .stride = 2, .pad = 3});
  x = relu(n, x);
  x = small ? x : max_pool(n, x, 3, 2, 1);
  std::int64_t inputs = first;
  for (std::size_t stage = 0; stage < blocks.size(); ++stage) {
    const std::int64_t width = first << stage;
    for (int i = 0; i < blocks[stage]; ++i) {
      const Scope scope(n, concat("layer", stage + 1, ".", i));
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      x = (wide ? bottleneck : basic_block)(n, x, inputs, width, stride);
      inputs = wide ? 4 * width : width;
    }
  }
  const ValueId y = linear(n, "fc", global_average(n, x), inputs, options.get_int("classes", 0));
  class_output(n, y, options);
}

void build_18(Network& n, const Attrs& options) { build(n, options, {2, 2, 2, 2}, false); }
void build_34(Network& n, const Attrs& options) { build(n, options, {3, 4, 6, 3}, false); }
void build_50(Network& n, const Attrs& options) { build(n, options, {3, 4, 6, 3}, true); }

}  // namespace

std::vector<Architecture> resnets() {
  const std::vector<ModelOption> options = {
      classes_option(1000),
      channels_option(3),
      image_size_option(224),
      {"width", std::int64_t{64}, "channels of the first stage; each of the others has twice more"},
      {"stem",
       std::string("imagenet"),
       "small: 3x3 without pooling, for pictures of 32x32",
       1,
       {"imagenet", "small"}}};
  const std::string what = "pictures to logits [batch, classes]; defaults as torchvision's";
  return {{"resnet18", concat("residual network of 18 layers: ", what), options, build_18},
          {"resnet34", concat("residual network of 34 layers: ", what), options, build_34},
          {"resnet50", concat("residual network of 50 layers: ", what), options, build_50}};
}

}  // namespace temper::models
