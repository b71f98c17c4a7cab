// Temporal convolutional network (Bai et al. 2018): residual blocks of causal convolutions whose
// dilation doubles, so that the last step sees far back. Weights begin with N(0, 0.01), as there.
#include "models/architecture_list.h"
#include "models/layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

void build(Network& n, const Attrs& options) {
  const std::vector<graph::Dim> batch_and_steps = {open_dim("batch"), open_dim("sequence")};
  const double share = options.get_double("dropout", 0);
  std::int64_t width = options.get_int("features", 0);
  ValueId x =
      n.input("input", DType::kFloat32, {batch_and_steps[0], batch_and_steps[1], fixed_dim(width)});
  x = transpose(n, x, {0, 2, 1});
  ConvOptions conv_options = {.kernel = options.get_int("kernel", 0),
                              .axes = 1,
                              .causal = true,
                              .weight = Init::normal(0.01)};
  int number = 0;
  for (const std::int64_t next : options.get_ints("widths")) {
    TEMPER_CHECK(number < 32, ErrorCode::kInvalidArgument, "more than 32 widths");
    conv_options.dilation = std::int64_t{1} << number;
    const Scope scope(n, concat("network.", number++));
    ValueId y = relu(n, conv(n, "conv1", x, width, next, conv_options));
    y = dropout(n, y, share);
    y = dropout(n, relu(n, conv(n, "conv2", y, next, next, conv_options)), share);
    if (width != next) {
      x = conv(n, "downsample", x, width, next,
               {.kernel = 1, .axes = 1, .weight = Init::normal(0.01)});
    }
    x = relu(n, add(n, y, x));
    width = next;
  }
  const std::int64_t outputs = options.get_int("outputs", 0);
  if (options.get_string("output", "") == "last") {
    n.output("output", linear(n, "head", pick(n, x, 2, -1), width, outputs),
             {batch_and_steps[0], fixed_dim(outputs)});
  } else {
    n.output("output", linear_last(n, "head", transpose(n, x, {0, 2, 1}), width, outputs),
             {batch_and_steps[0], batch_and_steps[1], fixed_dim(outputs)});
  }
}

}  // namespace

Architecture tcn() {
  return {"tcn",
          "temporal convolutions: input [batch, sequence, features] to output [batch, outputs]",
          {{"features", std::int64_t{8}, "numbers of a step"},
           {"widths", std::vector<std::int64_t>{64, 64, 64, 64}, "channels of each block"},
           {"kernel", std::int64_t{3}, "steps that a convolution sees"},
           {"output", std::string("last"), "of the last step, or of each", 1, {"last", "each"}},
           {"outputs", std::int64_t{1}, "classes, or values to predict"},
           dropout_option(0.2)},
          build};
}

}  // namespace temper::models
