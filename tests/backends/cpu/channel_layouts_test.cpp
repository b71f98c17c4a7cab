// Kernels that take channels in blocks or last as they come: joined, and summed in bf16.
#include <gtest/gtest.h>

#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

// As where a decoder joins what it has enlarged, which comes plain, with what it kept in blocks.
TEST(CpuConcat, OfPartsOfOneSizeTakesTheLayoutOfTheOneInBlocks) {
  const Shape part{2, 32, 5, 7};
  const Tensor a = random_tensor(part, 1), b = random_tensor(part, 2);
  for (const Layout& layout : {nchw_blocked(part, 16), nhwc(part)}) {
    for (const bool first : {false, true}) {
      const std::vector<Layout> layouts{first ? layout : Layout{}, first ? Layout{} : layout};
      const auto result =
          expect_matches_reference("Concat", {{"axis", std::int64_t{1}}}, {a, b},
                                   {{.shape = {2, 64, 5, 7}}}, {.layouts = layouts}, 0);
      EXPECT_TRUE(result.kernel->input_layouts[0] == layout);
      EXPECT_TRUE(result.kernel->input_layouts[1] == layout);
      EXPECT_FALSE(result.kernel->output_layouts[0].plain);
    }
  }
}

TEST(CpuReduceSum, OfBfloat16ByChannelsAddsUpInF32) {
  for (const Shape& shape : {Shape{3, 32, 40, 41}, Shape{2, 20, 9, 9}}) {
    const Tensor x = random_tensor(shape, 1);
    const Tensor low = Tensor::from<float>(DType::kBFloat16, shape, x.values<float>());
    const Attrs attrs{{"axes", std::vector<std::int64_t>{0, 2, 3}}, {"keepdims", std::int64_t{0}}};
    const auto expected = run_op(reference_backend(), "ReduceSum", attrs,
                                 {Tensor::from<float>(DType::kFloat32, shape, low.values<float>())},
                                 {{.shape = {shape[1]}}});
    for (const Layout& layout : {nchw_blocked(shape, 16), nchw_blocked(shape, 8), nhwc(shape)}) {
      SCOPED_TRACE(concat(to_string(shape), " ", to_string(layout)));
      const auto actual =
          run_op(cpu_backend(), "ReduceSum", attrs, {low},
                 {{.dtype = DType::kBFloat16, .shape = {shape[1]}}}, {.layouts = {layout}});
      EXPECT_EQ(actual.family, "cpu");
      EXPECT_TRUE(actual.kernel->input_layouts[0] == layout);
      expect_close(actual.outputs[0], expected.outputs[0], 0x1p-8, "ReduceSum");
    }
  }
}

// The gradient of a slope of each channel: an axis of one sample is kept, and summed all the same.
TEST(CpuReduceSum, OfOneSampleIsByChannels) {
  const Shape shape{1, 20, 9, 11};
  const Tensor x = random_tensor(shape, 1);
  const Attrs attrs{{"axes", std::vector<std::int64_t>{2, 3}}, {"keepdims", std::int64_t{1}}};
  for (const Layout& layout : {nchw_blocked(shape, 16), nhwc(shape)}) {
    const auto result = expect_matches_reference(
        "ReduceSum", attrs, {x}, {{.shape = {1, 20, 1, 1}}}, {.layouts = {layout}}, 1e-5);
    EXPECT_TRUE(result.kernel->input_layouts[0] == layout);
  }
  const Shape two{2, 20, 9, 11};  // of two samples it is another sum
  expect_matches_reference("ReduceSum", attrs, {random_tensor(two, 1)}, {{.shape = {2, 20, 1, 1}}},
                           {.layouts = {nhwc(two)}}, 1e-5);
}

}  // namespace
}  // namespace temper::cpu
