// Kernels over rows and elements: the same bits for any number of threads, and rows that are hard
// to normalise.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "runtime/base/expression.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

const Shape kShape{300, 257};
const Shape kRow{257};

void expect_same_bits(const char* op, const Attrs& attrs, const std::vector<Tensor>& inputs,
                      const std::vector<Value>& outputs) {
  const RunResult one = run_op(cpu_backend(), op, attrs, inputs, outputs, {.threads = 1});
  EXPECT_EQ(one.family, "cpu") << op;
  for (const int threads : {2, 3, 7}) {
    const RunResult more = run_op(cpu_backend(), op, attrs, inputs, outputs, {.threads = threads});
    for (std::size_t i = 0; i < one.outputs.size(); ++i) {
      EXPECT_EQ(std::memcmp(one.outputs[i].data(), more.outputs[i].data(),
                            static_cast<std::size_t>(one.outputs[i].bytes())),
                0)
          << op << ", output " << i << ", " << threads << " threads";
    }
  }
}

TEST(CpuRows, ThreadsDoNotChangeABit) {
  const Tensor x = random_tensor(kShape, 1), dy = random_tensor(kShape, 2);
  const Tensor scale = random_tensor(kRow, 3), bias = random_tensor(kRow, 4);
  const Value y{.shape = kShape}, row{.shape = kRow};
  const Attrs last{{"axis", std::int64_t{1}}};
  expect_same_bits("RowNorm", last, {x, scale, bias}, {y});
  expect_same_bits("RowNormGrad", last, {x, scale, bias, dy}, {y, row, row});
  expect_same_bits("SoftmaxGrad", last, {dy, x}, {y});
  expect_same_bits("LogSoftmaxGrad", last, {dy, x}, {y});
  expect_same_bits("Gelu", {}, {x}, {y});
  const Tensor position =
      Tensor::from<std::int64_t>(DType::kInt64, Shape{}, std::vector<std::int64_t>{5});
  expect_same_bits("DropoutTrain",
                   {{"ratio", 0.3}, {"seed", std::int64_t{1}}, {"random_id", std::int64_t{2}}},
                   {x, position}, {y, {.dtype = DType::kBool, .shape = kShape}});
  Attrs program;
  using F = Functor;
  set_expression(program, {2, {{{F::kSigmoid}, {0, -1, -1}}, {{F::kMul}, {2, 1, -1}}}, {2, 3}});
  expect_same_bits("FusedElementwise", program, {x, bias}, {y, y});
}

TEST(CpuRows, ALargeMeanCostsNoMoreThanItsRounding) {
  Tensor x = random_tensor({4, 1000}, 1);
  for (float& value : x.span<float>()) {
    value += 1000;
  }
  expect_matches_reference("RowNorm", {{"axis", std::int64_t{1}}}, {x}, {{.shape = {4, 1000}}}, {},
                           2e-4);
}

TEST(CpuRows, TheExtremumOfALongRowIsTheFirstOrTheLastOfEqualOnes) {
  for (const std::int64_t last_wins : {0, 1}) {
    for (const char* op : {"ArgMax", "ArgMin"}) {
      const float peak = std::string_view(op) == "ArgMax" ? 5.0f : -5.0f;
      for (const auto& [first, second] : {std::pair{3, 1290}, {256, 257}, {0, 1299}, {511, 512}}) {
        Tensor x = random_tensor({1, 1300}, 7);
        x.span<float>()[static_cast<std::size_t>(first)] = peak;
        x.span<float>()[static_cast<std::size_t>(second)] = peak;
        const RunResult result =
            run_op(cpu_backend(), op, {{"axis", std::int64_t{1}}, {"select_last_index", last_wins}},
                   {x}, {{.dtype = DType::kInt64, .shape = {1, 1}}});
        EXPECT_EQ(result.family, "cpu");
        EXPECT_EQ(result.outputs[0].span<std::int64_t>()[0], last_wins != 0 ? second : first);
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu
