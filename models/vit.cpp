// Vision transformer (Dosovitskiy et al. 2020), names and initialisation of torchvision's.
#include <cmath>

#include "models/architecture_list.h"
#include "models/transformer_layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

constexpr double kEpsilon = 1e-6;

ValueId block(Network& n, ValueId x, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t heads = options.get_int("heads", 0);
  const std::int64_t hidden = options.get_int("mlp", 0);
  const double share = options.get_double("dropout", 0);
  ValueId y = layer_norm(n, "ln_1", x, width, kEpsilon);
  {
    const Scope scope(n, "self_attention");
    const auto qkv =
        split_last(n,
                   linear_last(n, "in_proj", y, width, 3 * width,
                               {true, Init::xavier(width, 3 * width), Init::constant(0)}),
                   3);
    y = attention(n, qkv[0], qkv[1], qkv[2], {heads, heads, head_width_of(width, heads)}, {});
    y = linear_last(n, "out_proj", y, width, width, {true, {}, Init::constant(0)});
  }
  x = add(n, x, dropout(n, y, share));
  y = layer_norm(n, "ln_2", x, width, kEpsilon);
  {
    const Scope scope(n, "mlp");
    const LinearOptions linear = {true, Init::xavier(width, hidden), Init::normal(1e-6)};
    y = dropout(n, gelu(n, linear_last(n, "0", y, width, hidden, linear)), share);
    y = linear_last(n, "3", y, hidden, width, linear);
  }
  return add(n, x, dropout(n, y, share));
}

// One token in front that all samples share, then the patches row by row. The token begins as
// DeiT's: zeros, torchvision's, are what a file pads with, and would not be taken for a parameter.
ValueId tokens_of(Network& n, ValueId input, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t patch = options.get_int("patch", 0);
  const std::int64_t channels = options.get_int("channels", 0);
  const double fan_in = static_cast<double>(channels * patch * patch);
  const ValueId grid = conv(n, "conv_proj", input, channels, width,
                            {.kernel = patch,
                             .stride = patch,
                             .weight = Init::normal(1 / std::sqrt(fan_in)),
                             .bias_values = Init::constant(0)});
  const ValueId patches = transpose(n, reshape(n, grid, {0, width, -1}), {0, 2, 1});
  const ValueId first = n.parameter("class_token", {1, 1, width}, Init::normal(0.02));
  const ValueId batch = unsqueeze(n, length(n, input, 0), {0});
  const ValueId shape = concat_along(n, {batch, n.ints({1, 1})}, 0);
  return concat_along(n, {n.op("Expand", {first, shape}), patches}, 1);
}

void build(Network& n, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t size = options.get_int("image-size", 0);
  const std::int64_t patch = options.get_int("patch", 0);
  TEMPER_CHECK(size % patch == 0, ErrorCode::kInvalidArgument, "pictures of ", size, "x", size,
               " cannot be cut into patches of ", patch, "x", patch);
  ValueId x = tokens_of(n, image_input(n, options), options);
  {
    const Scope scope(n, "encoder");
    const std::int64_t count = (size / patch) * (size / patch) + 1;
    x = add(n, x, n.parameter("pos_embedding", {1, count, width}, Init::normal(0.02)));
    x = dropout(n, x, options.get_double("dropout", 0));
    for (std::int64_t i = 0; i < options.get_int("layers", 0); ++i) {
      const Scope layer(n, concat("layers.encoder_layer_", i));
      x = block(n, x, options);
    }
    x = layer_norm(n, "ln", x, width, kEpsilon);
  }
  class_output(n,
               linear(n, "heads.head", pick(n, x, 1, 0), width, options.get_int("classes", 0),
                      {true, Init::constant(0), Init::constant(0)}),
               options);
}

}  // namespace

Architecture vit() {
  return {"vit",
          "vision transformer: pictures to logits [batch, classes]; defaults as ViT-Ti/16",
          {classes_option(1000),
           channels_option(3),
           image_size_option(224),
           {"patch", std::int64_t{16}, "height and width of a patch"},
           {"layers", std::int64_t{12}, "blocks"},
           {"heads", std::int64_t{3}, "attention heads"},
           {"width", std::int64_t{192}, "features of a patch"},
           {"mlp", std::int64_t{768}, "width inside a block's perceptron"},
           dropout_option(0)},
          build};
}

}  // namespace temper::models
