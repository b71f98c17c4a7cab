// Gemm, MatMul and LinearGradWeights on oneDNN against the reference: transpositions, addends,
// packed weights.
#include <gtest/gtest.h>

#include "backends/cpu/library.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

struct Size {
  std::int64_t m, n, k;
};

const Size kSizes[] = {{32, 64, 10},  {1, 7, 5},  {64, 96, 200},
                       {33, 10, 256}, {5, 1, 64}, {16, 48, 33}};

TEST(OneDnnLinear, GemmEqualsTheReferenceForEveryForm) {
  for (const auto& [m, n, k] : kSizes) {
    for (const std::int64_t ta : {0, 1}) {
      for (const std::int64_t tb : {0, 1}) {
        SCOPED_TRACE(concat(m, " ", n, " ", k, " transA ", ta, " transB ", tb));
        const Tensor a = random_tensor(ta ? Shape{k, m} : Shape{m, k}, 1);
        const Tensor b = random_tensor(tb ? Shape{n, k} : Shape{k, n}, 2);
        const Attrs attrs{{"transA", ta}, {"transB", tb}, {"alpha", 1.0}, {"beta", 1.0}};
        Attrs scaled = attrs;
        scaled.set("alpha", 0.5);
        scaled.set("relu", std::int64_t{1});
        if (ta == tb) {
          scaled.set("ceiling", 0.4);
        }
        const Value y{.shape = Shape{m, n}};
        for (const bool free : {false, true}) {
          RunOptions options;
          if (free) {
            options.free_inputs = {1};
          }
          expect_matches_reference("Gemm", attrs, {a, b}, {y}, options);
          for (const Shape& c : {Shape{n}, Shape{1, n}, Shape{m, n}, Shape{}, Shape{1}}) {
            const Tensor addend = random_tensor(c, 3);
            expect_matches_reference("Gemm", attrs, {a, b, addend}, {y}, options);
            expect_matches_reference("Gemm", scaled, {a, b, addend}, {y}, options);
          }
        }
      }
    }
  }
}

TEST(OneDnnLinear, PackedWeightServesForwardAndBothGradients) {
  for (const auto& [m, n, k] : kSizes) {
    for (const std::int64_t tb : {0, 1}) {
      SCOPED_TRACE(concat(m, " ", n, " ", k, " transB ", tb));
      const Tensor x = random_tensor(Shape{m, k}, 1), dy = random_tensor(Shape{m, n}, 4);
      const Shape wshape = tb ? Shape{n, k} : Shape{k, n};
      const Tensor w = random_tensor(wshape, 2), bias = random_tensor(Shape{n}, 3);
      const Attrs attrs{{"transB", tb}};
      const auto forward = expect_matches_reference("Gemm", attrs, {x, w, bias},
                                                    {{.shape = Shape{m, n}}}, {.free_inputs = {1}});
      const Layout packed = forward.kernel->input_layouts[1];
      const Attrs turned{{"transB", std::int64_t{1} - tb}};
      const auto dx = expect_matches_reference("Gemm", turned, {dy, w}, {{.shape = Shape{m, k}}},
                                               {.layouts = {Layout{}, packed}});
      if (m >= 16 && n >= 16 && k >= 10) {
        EXPECT_EQ(to_string(dx.kernel->input_layouts[1]), to_string(packed));
      }
      const Attrs grad{{"trans_w", tb}};
      const auto dw =
          expect_matches_reference("LinearGradWeights", grad, {x, dy},
                                   {{.shape = wshape, .layout = packed}, {.shape = Shape{n}}});
      if (m >= 16 && n >= 16 && k >= 10) {
        EXPECT_EQ(to_string(dw.kernel->output_layouts[0]), to_string(packed));
      }
      expect_matches_reference("LinearGradWeights", grad, {x, dy}, {{.shape = wshape}});
      expect_matches_reference("LinearGradWeights", grad, {x, dy},
                               {{.shape = wshape, .layout_free = true}, {.shape = Shape{n}}});
    }
  }
}

TEST(OneDnnLinear, OfManyRowsTheWeightStaysPlain) {
  const std::int64_t m = 300, n = 70, k = 45;
  const Tensor x = random_tensor(Shape{m, k}, 1), dy = random_tensor(Shape{m, n}, 4);
  for (const std::int64_t tb : {0, 1}) {
    SCOPED_TRACE(concat("transB ", tb));
    const Shape wshape = tb ? Shape{n, k} : Shape{k, n};
    const Tensor w = random_tensor(wshape, 2), bias = random_tensor(Shape{n}, 3);
    const auto forward = expect_matches_reference("Gemm", {{"transB", tb}}, {x, w, bias},
                                                  {{.shape = Shape{m, n}}}, {.free_inputs = {1}});
    EXPECT_TRUE(forward.kernel->input_layouts[1].plain);
    expect_matches_reference("Gemm", {{"transB", std::int64_t{1} - tb}}, {dy, w},
                             {{.shape = Shape{m, k}}});
    const Attrs grad{{"trans_w", tb}};
    for (const bool free : {false, true}) {
      for (const int threads : {1, 2}) {
        const RunOptions options{.threads = threads};
        const Value dw{.shape = wshape, .layout_free = free};
        const auto made = expect_matches_reference("LinearGradWeights", grad, {x, dy},
                                                   {dw, {.shape = Shape{n}}}, options);
        EXPECT_EQ(made.kernel->description, "sgemm");
        expect_matches_reference("LinearGradWeights", grad, {x, dy}, {dw}, options);
      }
    }
  }
}

TEST(OneDnnLinear, Bf16TakesTheFasterProducts) {
  const auto rounded = [](const Shape& shape, unsigned seed) {
    return Tensor::from<double>(DType::kBFloat16, shape,
                                random_tensor(shape, seed).values<double>());
  };
  const std::string faster = has_fast_bfloat16_products() ? "onednn" : "onednn via f32";
  const std::string own = has_bfloat16_products() ? "onednn" : "onednn via f32";
  for (const std::int64_t m : {64, 300}) {
    const std::int64_t n = 288, k = 320;
    SCOPED_TRACE(m);
    const Tensor x = rounded({m, k}, 1), w = rounded({n, k}, 2), dy = rounded({m, n}, 3);
    const Attrs turned{{"transB", std::int64_t{1}}};
    const Value y{.dtype = DType::kBFloat16, .shape = Shape{m, n}};
    const auto product = run_op(cpu_backend(), "Gemm", turned, {x, w}, {y});
    EXPECT_EQ(product.family, faster);
    const auto expected = run_op(reference_backend(), "Gemm", turned, {x, w}, {y});
    expect_close(product.outputs[0], expected.outputs[0], 1e-2, "Gemm");
    const Attrs grad{{"trans_w", std::int64_t{1}}};
    const std::vector<Value> wide = {{.shape = Shape{n, k}}, {.shape = Shape{n}}};
    const auto dw = run_op(cpu_backend(), "LinearGradWeights", grad, {x, dy}, wide);
    EXPECT_EQ(dw.family, faster);
    const auto expected_dw = run_op(reference_backend(), "LinearGradWeights", grad, {x, dy}, wide);
    expect_close(dw.outputs[0], expected_dw.outputs[0], 1e-3, "dw");
    expect_close(dw.outputs[1], expected_dw.outputs[1], 1e-3, "db");
  }
  // Few operations for each element: not worth the conversions.
  const auto thin = run_op(cpu_backend(), "Gemm", {{"transB", std::int64_t{1}}},
                           {rounded({64, 256}, 1), rounded({10, 256}, 2)},
                           {{.dtype = DType::kBFloat16, .shape = Shape{64, 10}}});
  EXPECT_EQ(thin.family, own);
}

TEST(OneDnnLinear, MatMulFollowsNumpysRules) {
  const struct {
    Shape a, b, y;
  } cases[] = {
      {{4, 5}, {5, 6}, {4, 6}},
      {{2, 3, 4, 5}, {5, 6}, {2, 3, 4, 6}},
      {{2, 3, 4, 5}, {2, 3, 5, 6}, {2, 3, 4, 6}},
      {{5}, {5, 6}, {6}},
      {{4, 5}, {5}, {4}},
      {{5}, {5}, {}},
      {{3, 4, 5}, {5}, {3, 4}},
      {{8, 32, 48}, {8, 48, 16}, {8, 32, 16}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(to_string(c.a) + " " + to_string(c.b));
    const Tensor a = random_tensor(c.a, 1), b = random_tensor(c.b, 2);
    expect_matches_reference("MatMul", {}, {a, b}, {{.shape = c.y}});
    expect_matches_reference("MatMul", {}, {a, b}, {{.shape = c.y}}, {.free_inputs = {1}});
  }
}

TEST(OneDnnLinear, BroadcastBatchesAreRightWhicheverRowTakesThem) {
  const struct {
    Shape a, b, y;
  } cases[] = {
      {{3, 1, 4, 5}, {2, 5, 6}, {3, 2, 4, 6}},
      {{4, 5}, {2, 5, 6}, {2, 4, 6}},
      {{5}, {2, 5, 6}, {2, 6}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(to_string(c.a) + " " + to_string(c.b));
    const Tensor a = random_tensor(c.a, 1), b = random_tensor(c.b, 2);
    const auto actual = run_op(cpu_backend(), "MatMul", {}, {a, b}, {{.shape = c.y}});
    const auto expected = run_op(reference_backend(), "MatMul", {}, {a, b}, {{.shape = c.y}});
    expect_close(actual.outputs[0], expected.outputs[0], 2e-5, "MatMul");
  }
}

}  // namespace
}  // namespace temper::cpu
