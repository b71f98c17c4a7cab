// A convolutional autoencoder: convolutions of stride 2 down to a few numbers, and the same way
// back.

#include "models/architecture_list.h"
#include "models/layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

void build(Network& n, const Attrs& options) {
  const std::vector<std::int64_t> widths = options.get_ints("widths");
  const std::int64_t size = options.get_int("image-size", 0);
  TEMPER_CHECK(widths.size() < 16 && size % (std::int64_t{1} << widths.size()) == 0,
               ErrorCode::kInvalidArgument, "pictures of ", size, "x", size, " cannot be halved ",
               widths.size(), " times without rest; change --image-size or --widths");
  const std::int64_t channels = options.get_int("channels", 0);
  const std::int64_t latent = options.get_int("latent", 0);
  ValueId x = image_input(n, options);
  std::int64_t width = channels;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    x = relu(n, conv(n, concat("encoder.", i), x, width, widths[i], {.stride = 2, .pad = 1}));
    width = widths[i];
  }
  const std::int64_t left = size >> widths.size();
  const std::int64_t features = width * left * left;
  x = linear(n, "encoder.latent", n.op("Flatten", {x}), features, latent);
  x = relu(n, linear(n, "decoder.latent", x, latent, features));
  x = reshape(n, x, {-1, width, left, left});
  for (std::size_t i = widths.size(); i-- > 0;) {
    const std::int64_t next = i == 0 ? channels : widths[i - 1];
    x = conv_transpose(n, concat("decoder.", i), x, width, next,
                       {.kernel = 3, .stride = 2, .pad = 1, .output_pad = 1});
    x = i == 0 ? x : relu(n, x);
    width = next;
  }
  n.output("output", x, {open_dim("batch"), fixed_dim(channels), fixed_dim(size), fixed_dim(size)});
}

}  // namespace

Architecture autoencoder() {
  return {"autoencoder",
          "convolutional autoencoder: pictures to pictures of the same size, through a few numbers",
          {channels_option(1),
           image_size_option(32),
           {"widths", std::vector<std::int64_t>{16, 32, 64}, "channels at each halving"},
           {"latent", std::int64_t{32}, "numbers that a picture goes through"}},
          build};
}

}  // namespace temper::models
