// MobileNetV2 (Sandler et al. 2018) as torchvision has it: inverted residuals with ReLU6.
#include <algorithm>

#include "models/architecture_list.h"
#include "models/layers.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

// The nearest multiple of 8, but no less than nine tenths of what was asked.
std::int64_t rounded(std::int64_t channels, std::int64_t percent) {
  const double asked = static_cast<double>(channels * percent) / 100;
  const std::int64_t near = std::max<std::int64_t>(8, static_cast<std::int64_t>(asked + 4) / 8 * 8);
  return static_cast<double>(near) < 0.9 * asked ? near + 8 : near;
}

ValueId conv_bn_relu6(Network& n, std::string_view name, ValueId x, std::int64_t inputs,
                      std::int64_t outputs, const ConvOptions& options) {
  const Scope scope(n, name);
  return relu6(n, conv_bn(n, "0", "1", x, inputs, outputs, options));
}

ValueId inverted_residual(Network& n, ValueId x, std::int64_t inputs, std::int64_t outputs,
                          std::int64_t stride, std::int64_t expansion) {
  const Scope scope(n, "conv");
  const std::int64_t hidden = inputs * expansion;
  const std::int64_t first = expansion == 1 ? 0 : 1;  // without expansion one layer less
  ValueId y = expansion == 1 ? x : conv_bn_relu6(n, "0", x, inputs, hidden, {.kernel = 1});
  y = conv_bn_relu6(n, concat(first), y, hidden, hidden,
                    {.stride = stride, .pad = 1, .groups = hidden});
  y = conv_bn(n, concat(first + 1), concat(first + 2), y, hidden, outputs, {.kernel = 1});
  return stride == 1 && inputs == outputs ? add(n, x, y) : y;
}

struct Stage {
  std::int64_t expansion, channels, repeats, stride;
};
constexpr Stage kStages[] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};

void build(Network& n, const Attrs& options) {
  const std::int64_t percent = options.get_int("width-percent", 0);
  std::int64_t width = rounded(32, percent);
  ValueId x = image_input(n, options);
  std::int64_t number = 0;
  {
    const Scope scope(n, "features");
    x = conv_bn_relu6(n, concat(number++), x, options.get_int("channels", 0), width,
                      {.stride = 2, .pad = 1});
    for (const Stage& stage : kStages) {
      const std::int64_t outputs = rounded(stage.channels, percent);
      for (std::int64_t i = 0; i < stage.repeats; ++i) {
        const Scope block(n, concat(number++));
        x = inverted_residual(n, x, width, outputs, i == 0 ? stage.stride : 1, stage.expansion);
        width = outputs;
      }
    }
    const std::int64_t last = rounded(1280, std::max<std::int64_t>(100, percent));
    x = conv_bn_relu6(n, concat(number), x, width, last, {.kernel = 1});
    width = last;
  }
  x = dropout(n, global_average(n, x), options.get_double("dropout", 0));
  class_output(n,
               linear(n, "classifier.1", x, width, options.get_int("classes", 0),
                      {true, Init::normal(0.01), Init::constant(0)}),
               options);
}

}  // namespace

Architecture mobilenet_v2() {
  return {"mobilenet_v2",
          "MobileNetV2: pictures to logits [batch, classes]; defaults as torchvision's",
          {classes_option(1000),
           channels_option(3),
           image_size_option(224),
           {"width-percent", std::int64_t{100}, "channels of all layers, of the usual ones"},
           dropout_option(0.2)},
          build};
}

}  // namespace temper::models
