// Convolutions of a weight that stays the same, by Winograd and by one product, against the
// reference; and the preparation of the weight taken out of the kernel.
#include <gtest/gtest.h>

#include <array>

#include "runtime/backend/prepared_input.h"
#include "tests/backends/cpu/window_cases.h"

namespace temper::cpu {
namespace {

// One product from all inputs of a sample to all outputs.
std::vector<ConvCase> tiny_pictures() {
  return {
      {{8, 16, 2, 2}, {32, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{9, 5, 2, 3}, {7, 5, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{12, 3, 4, 3}, {6, 3, 3, 3}, {2, 2}, {1, 0, 1, 1}, {1, 1}},
      {{8, 4, 1, 1}, {5, 4, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{10, 2, 5, 5}, {3, 2, 5, 5}, {3, 3}, {2, 2, 0, 1}, {1, 1}},
  };
}

std::vector<ConvCase> winograd_cases() {
  return {
      {{4, 64, 14, 14}, {64, 64, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{3, 48, 19, 17}, {80, 48, 3, 3}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{44, 64, 4, 4}, {64, 64, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
  };
}

Attrs settled(Attrs attrs) {
  attrs.set("settled_weight", std::int64_t{1});
  return attrs;
}

// Its transformed tiles are sums of products of up to 5 x 5; errors grow as much.
constexpr double kWinogradTolerance = 5e-5;

void expect_all_forms(const ConvCase& c, double tolerance) {
  SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
  const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
  const Tensor b = random_tensor(Shape{c.w[0]}, 3);
  Attrs attrs = settled(c.attrs());
  expect_matches_reference("Conv", attrs, {x, w, b}, {{.shape = c.y()}}, {.threads = 1}, tolerance);
  expect_matches_reference("Conv", attrs, {x, w}, {{.shape = c.y()}},
                           {.layouts = {nhwc(c.x), nhwc(c.w)}}, tolerance);
  attrs.set("relu", std::int64_t{1});
  expect_matches_reference("Conv", attrs, {x, w, b}, {{.shape = c.y()}}, {}, tolerance);
  attrs.set("ceiling", 0.3);
  expect_matches_reference("Conv", attrs, {x, w, b}, {{.shape = c.y()}}, {}, tolerance);
}

TEST(OneDnnSettledConv, OnTinyPicturesEqualsTheReference) {
  for (const ConvCase& c : tiny_pictures()) {
    expect_all_forms(c, 2e-5);
  }
}

TEST(OneDnnSettledConv, ByWinogradEqualsTheReference) {
  for (const ConvCase& c : winograd_cases()) {
    expect_all_forms(c, kWinogradTolerance);
  }
}

Tensor run_kernel(const Kernel& kernel, std::vector<void*> inputs, Tensor output) {
  const Tensor workspace(DType::kUInt8, Shape{static_cast<std::int64_t>(kernel.workspace_bytes)});
  std::array<void*, 1> outputs{output.data()};
  KernelArgs args{.inputs = inputs.data(),
                  .outputs = outputs.data(),
                  .workspace = const_cast<void*>(workspace.data())};
  const auto state = kernel.bind(args);
  args.state = state.get();
  kernel.run(args);
  return output;
}

TEST(OneDnnSettledConv, ReadsWhatItsPreparationGave) {
  for (const ConvCase& c : tiny_pictures()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const Tensor b = random_tensor(Shape{c.w[0]}, 3);
    auto whole = run_op(cpu_backend(), "Conv", settled(c.attrs()), {x, w, b}, {{.shape = c.y()}});
    auto* prepares = dynamic_cast<PreparesInput*>(whole.kernel.get());
    ASSERT_NE(prepares, nullptr);
    const std::size_t together = whole.kernel->workspace_bytes;
    PreparesInput::Preparation taken = prepares->take_preparation();
    EXPECT_EQ(taken.input, 1u);
    EXPECT_LT(whole.kernel->workspace_bytes, together);
    Tensor weight(DType::kUInt8, Shape{static_cast<std::int64_t>(taken.bytes)});
    weight = run_kernel(*taken.kernel, {const_cast<void*>(w.data())}, weight);
    const Tensor y = run_kernel(
        *whole.kernel, {const_cast<void*>(x.data()), weight.data(), const_cast<void*>(b.data())},
        Tensor(DType::kFloat32, c.y()));
    EXPECT_EQ(y.values<float>(), whole.outputs[0].values<float>());
  }
}

TEST(OneDnnSettledConv, LeavesToOthersWhatIsNotWorthIt) {
  const auto prepares = [](const ConvCase& c, const Attrs& attrs) {
    const auto made = run_op(cpu_backend(), "Conv", attrs,
                             {random_tensor(c.x, 1), random_tensor(c.w, 2)}, {{.shape = c.y()}});
    return dynamic_cast<PreparesInput*>(made.kernel.get()) != nullptr;
  };
  const ConvCase tiny = tiny_pictures()[0];
  EXPECT_TRUE(prepares(tiny, settled(tiny.attrs())));
  EXPECT_FALSE(prepares(tiny, tiny.attrs()));  // a weight that changes
  ConvCase few = tiny;
  few.x[0] = 2;
  EXPECT_FALSE(prepares(few, settled(few.attrs())));
  ConvCase strided = winograd_cases()[0];
  strided.strides = {2, 2};
  EXPECT_FALSE(prepares(strided, settled(strided.attrs())));
}

}  // namespace
}  // namespace temper::cpu
