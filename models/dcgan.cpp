// DCGAN (Radford et al. 2015) as PyTorch's example has it: weights from N(0, 0.02), those of
// BatchNorm from N(1, 0.02). The discriminator gives scores; the sigmoid is the loss's.
#include <bit>

#include "models/architecture_list.h"
#include "models/layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

constexpr ConvOptions kHalf = {
    .kernel = 4, .stride = 2, .pad = 1, .bias = false, .weight = Init::normal(0.02)};
constexpr ConvOptions kWhole = {.kernel = 4, .bias = false, .weight = Init::normal(0.02)};

// Times that 4x4 is doubled to the size of the pictures.
int doublings(const Attrs& options) {
  const std::int64_t size = options.get_int("image-size", 0);
  TEMPER_CHECK(size >= 8 && size <= 1024 && std::has_single_bit(static_cast<std::uint64_t>(size)),
               ErrorCode::kInvalidArgument, "pictures of ", size, "x", size,
               ": DCGAN makes 8, 16, 32, 64, ... 1024");
  return std::countr_zero(static_cast<std::uint64_t>(size)) - 2;
}

ValueId norm(Network& n, int number, ValueId x, std::int64_t channels) {
  return batch_norm(n, concat("main.", number), x, channels, Init::normal(0.02, 1));
}

void build_generator(Network& n, const Attrs& options) {
  const int steps = doublings(options);
  const std::int64_t latent = options.get_int("latent", 0);
  const std::int64_t channels = options.get_int("channels", 0);
  const graph::Dim size = fixed_dim(options.get_int("image-size", 0));
  std::int64_t width = options.get_int("width", 0) << (steps - 1);
  ValueId x = n.input("latent", DType::kFloat32, {open_dim("batch"), fixed_dim(latent)});
  x = reshape(n, x, {0, latent, 1, 1});
  x = relu(n, norm(n, 1, conv_transpose(n, "main.0", x, latent, width, kWhole), width));
  int number = 3;  // as nn.Sequential counts them
  for (int i = 1; i < steps; ++i, number += 3, width /= 2) {
    x = conv_transpose(n, concat("main.", number), x, width, width / 2, kHalf);
    x = relu(n, norm(n, number + 1, x, width / 2));
  }
  x = conv_transpose(n, concat("main.", number), x, width, channels, kHalf);
  n.output("image", n.op("Tanh", {x}), {open_dim("batch"), fixed_dim(channels), size, size});
}

void build_discriminator(Network& n, const Attrs& options) {
  const int steps = doublings(options);
  const graph::Dim size = fixed_dim(options.get_int("image-size", 0));
  const std::int64_t channels = options.get_int("channels", 0);
  std::int64_t width = options.get_int("width", 0);
  ValueId x =
      n.input("image", DType::kFloat32, {open_dim("batch"), fixed_dim(channels), size, size});
  x = leaky_relu(n, conv(n, "main.0", x, channels, width, kHalf), 0.2);
  int number = 2;
  for (int i = 1; i < steps; ++i, number += 3, width *= 2) {
    x = conv(n, concat("main.", number), x, width, 2 * width, kHalf);
    x = leaky_relu(n, norm(n, number + 1, x, 2 * width), 0.2);
  }
  x = conv(n, concat("main.", number), x, width, 1, kWhole);
  n.output("score", n.op("Flatten", {x}), {open_dim("batch"), fixed_dim(1)});
}

}  // namespace

std::vector<Architecture> dcgan() {
  const std::vector<ModelOption> pictures = {
      channels_option(3),
      image_size_option(64, 8),
      {"width", std::int64_t{64}, "channels beside the pictures; inside there are more"}};
  std::vector<ModelOption> generator = pictures;
  generator.push_back({"latent", std::int64_t{100}, "random numbers that a picture is made of"});
  return {{"dcgan_generator", "DCGAN's generator: latent [batch, latent] to pictures from -1 to 1",
           generator, build_generator},
          {"dcgan_discriminator", "DCGAN's discriminator: pictures to score [batch, 1]", pictures,
           build_discriminator}};
}

}  // namespace temper::models
