// The kernels that do without a library, in builds with one too: convolutions, products, average
// pooling, softmax and reorders against the reference, products also against sums in double, the
// same bits for every number of threads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "backends/cpu/blocked_product.h"
#include "tests/backends/cpu/window_cases.h"

namespace temper::cpu {
namespace {

using Ints = std::vector<std::int64_t>;

std::vector<float> random_floats(std::int64_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> values(-1, 1);
  std::vector<float> made(static_cast<std::size_t>(count));
  std::generate(made.begin(), made.end(), [&] { return values(engine); });
  return made;
}

struct ProductCase {
  std::int64_t m, n, k;
  bool a_transposed = false, b_transposed = false;
  float alpha = 1, beta = 0;
};

std::vector<ProductCase> product_cases() {
  std::vector<ProductCase> cases;
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      for (const auto& [m, n, k] : {std::array<std::int64_t, 3>{1, 70, 300},
                                    {4, 33, 20},
                                    {5, 1, 7},
                                    {37, 10, 513},
                                    {70, 100, 64},
                                    {9, 40, 9000}}) {
        cases.push_back({m, n, k, a, b});
        cases.push_back({m, n, k, a, b, 0.7f, 0.3f});
        cases.push_back({m, n, k, a, b, 1, 1});
      }
    }
  }
  return cases;
}

TEST(BlockedProduct, IsTheSumInDoubleWithTheSameBitsOnAnyNumberOfThreads) {
  for (const ProductCase& p : product_cases()) {
    SCOPED_TRACE(concat(p.m, " x ", p.k, (p.a_transposed ? "'" : ""), " by ", p.k, " x ", p.n,
                        (p.b_transposed ? "'" : ""), ", ", p.alpha, ", ", p.beta));
    const auto a = random_floats(p.m * p.k, 1), b = random_floats(p.k * p.n, 2);
    // Where nothing is added, what was there does not matter.
    const auto before = p.beta == 0 ? std::vector<float>(static_cast<std::size_t>(p.m * p.n), NAN)
                                    : random_floats(p.m * p.n, 3);
    const MatrixView va =
        p.a_transposed ? MatrixView{a.data(), 1, p.m} : MatrixView{a.data(), p.k, 1};
    const MatrixView vb =
        p.b_transposed ? MatrixView{b.data(), 1, p.k} : MatrixView{b.data(), p.n, 1};
    std::vector<float> first;
    for (const int threads : {1, 2, 3}) {
      std::vector<float> c = before;
      blocked_product(threads, {p.m, p.n, p.k, va, vb, p.alpha, p.beta, c.data(), p.n});
      if (first.empty()) {
        first = c;
      }
      EXPECT_EQ(c, first) << threads << " threads";
    }
    double worst = 0;
    for (std::int64_t i = 0; i < p.m; ++i) {
      for (std::int64_t j = 0; j < p.n; ++j) {
        const auto at = static_cast<std::size_t>(i * p.n + j);
        double sum = 0, size = 0;
        for (std::int64_t q = 0; q < p.k; ++q) {
          const double term = static_cast<double>(va.data[i * va.row + q * va.column]) *
                              static_cast<double>(vb.data[q * vb.row + j * vb.column]);
          sum += term;
          size += std::abs(term);
        }
        const double kept = p.beta == 0 ? 0 : static_cast<double>(p.beta) * before[at];
        const double expected = static_cast<double>(p.alpha) * sum + kept;
        worst = std::max(worst, std::abs(first[at] - expected) / (size + std::abs(kept)));
      }
    }
    EXPECT_LT(worst, 3e-6);
  }
}

RunOptions own(int threads, std::vector<Layout> layouts = {}) {
  return {.threads = threads, .family = "cpu", .layouts = std::move(layouts)};
}

TEST(ProductConv, ForwardEqualsTheReference) {
  for (const ConvCase& c : conv_cases()) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2);
    const Tensor b = random_tensor(Shape{c.w[0]}, 3);
    Attrs relu = c.attrs();
    relu.set("relu", std::int64_t{1});
    relu.set("ceiling", 0.3);
    for (const int threads : {1, 2}) {
      for (const std::vector<Layout>& layouts : {std::vector<Layout>{}, {nhwc(c.x)}}) {
        const auto y = expect_matches_reference("Conv", c.attrs(), {x, w, b}, {{.shape = c.y()}},
                                                own(threads, layouts));
        EXPECT_EQ(y.family, "cpu");
        expect_matches_reference("Conv", c.attrs(), {x, w}, {{.shape = c.y()}},
                                 own(threads, layouts));
        expect_matches_reference("Conv", relu, {x, w, b}, {{.shape = c.y()}},
                                 own(threads, layouts));
      }
    }
  }
}

TEST(ProductConv, GradientsEqualTheReference) {
  std::vector<ConvCase> cases = conv_cases();
  // Many samples, whose weight gradients are summed in pieces; a window that leaves out pixels.
  cases.push_back({{70, 8, 9, 9}, {8, 8, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}});
  cases.push_back({{2, 3, 70, 80}, {33, 3, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}});
  cases.push_back({{2, 8, 9, 9}, {8, 8, 1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}});
  cases.push_back({{2, 70, 9, 9}, {70, 1, 3, 3}, {2, 2}, {2, 2, 2, 2}, {2, 2}, 70});
  for (const ConvCase& c : cases) {
    SCOPED_TRACE(to_string(c.x) + " " + to_string(c.w));
    const Tensor x = random_tensor(c.x, 1), w = random_tensor(c.w, 2), dy = random_tensor(c.y(), 3);
    Attrs attrs = c.attrs();
    attrs.set("input_shape", Ints(c.x.begin(), c.x.end()));
    attrs.set("weight_shape", Ints(c.w.begin(), c.w.end()));
    for (const int threads : {1, 2}) {
      const auto dx =
          expect_matches_reference("ConvGradData", attrs, {w, dy}, {{.shape = c.x}}, own(threads));
      EXPECT_EQ(dx.family, "cpu");
      expect_matches_reference("ConvGradWeights", attrs, {x, dy},
                               {{.shape = c.w}, {.shape = Shape{c.w[0]}}}, own(threads));
      expect_matches_reference("ConvGradWeights", attrs, {x, dy}, {{.shape = c.w}}, own(threads));
    }
  }
}

TEST(ProductLinear, GemmMatMulAndTheirWeightGradientEqualTheReference) {
  const Tensor a = random_tensor({37, 70}, 1), b = random_tensor({70, 45}, 2);
  const Tensor at = random_tensor({70, 37}, 3), bt = random_tensor({45, 70}, 4);
  const Value y{.shape = Shape{37, 45}};
  for (const Shape& c : {Shape{45}, Shape{37, 45}, Shape{37, 1}, Shape{1}, Shape{}}) {
    const Attrs attrs{{"alpha", 0.5}, {"beta", 2.0}, {"relu", std::int64_t{1}}};
    const auto run =
        expect_matches_reference("Gemm", attrs, {a, b, random_tensor(c, 5)}, {y}, own(2));
    EXPECT_EQ(run.family, "cpu");
  }
  const Attrs both{{"transA", std::int64_t{1}}, {"transB", std::int64_t{1}}};
  expect_matches_reference("Gemm", both, {at, bt}, {y}, own(2));
  struct Sides {
    Shape a, b, y;
  };
  for (const Sides& s :
       {Sides{{5, 37, 70}, {70, 45}, {5, 37, 45}}, Sides{{5, 37, 70}, {5, 70, 45}, {5, 37, 45}},
        Sides{{3, 1, 7, 70}, {2, 70, 45}, {3, 2, 7, 45}}, Sides{{70}, {70, 45}, {45}},
        Sides{{37, 70}, {70}, {37}}, Sides{{2, 37, 70}, {2, 70, 1}, {2, 37, 1}}}) {
    SCOPED_TRACE(to_string(s.a) + " " + to_string(s.b));
    expect_matches_reference("MatMul", {}, {random_tensor(s.a, 1), random_tensor(s.b, 2)},
                             {{.shape = s.y}}, own(2));
  }
  const Tensor x = random_tensor({300, 70}, 6), dy = random_tensor({300, 45}, 7);
  for (const bool transposed : {false, true}) {
    const Value dw{.shape = transposed ? Shape{45, 70} : Shape{70, 45}};
    expect_matches_reference("LinearGradWeights", {{"trans_w", std::int64_t{transposed}}}, {x, dy},
                             {dw, {.shape = Shape{45}}}, own(2));
  }
}

TEST(PoolAverage, ItAndItsGradientEqualTheReference) {
  for (const PoolCase& c : pool_cases()) {
    for (const std::int64_t include : {0, 1}) {
      Attrs attrs = c.attrs();
      attrs.set("count_include_pad", include);
      const Tensor x = random_tensor(c.x, 1), dy = random_tensor(c.y, 2);
      for (const Layout& layout : {Layout{}, nhwc(c.x), nchw_blocked(c.x, 8)}) {
        SCOPED_TRACE(to_string(c.x) + " " + to_string(layout));
        const auto y = expect_matches_reference("AveragePool", attrs, {x}, {{.shape = c.y}},
                                                own(2, {layout}), 1e-6);
        EXPECT_EQ(y.family, "cpu");
        expect_matches_reference("AveragePoolGrad", attrs, {dy}, {{.shape = c.x}},
                                 own(2, {y.kernel->output_layouts[0]}), 1e-6);
      }
    }
  }
}

TEST(OwnSoftmax, EqualsTheReferenceOnEveryAxis) {
  for (const Shape& shape : {Shape{64, 10}, Shape{3, 1000}, Shape{2, 5, 37}, Shape{300, 4, 100}}) {
    for (std::int64_t axis = 0; axis < shape.rank(); ++axis) {
      for (const char* op : {"Softmax", "LogSoftmax"}) {
        SCOPED_TRACE(concat(op, " ", to_string(shape), " ", axis));
        const auto y =
            expect_matches_reference(op, {{"axis", axis}}, {random_tensor(shape, 1, -9, 9)},
                                     {{.shape = shape}}, own(2), 1e-6);
        EXPECT_EQ(y.family, "cpu");
      }
    }
  }
}

// OIhw8i16o2i: as a library keeps the weights of a convolution in bf16.
Layout blocks_within_blocks(const Shape& shape) {
  Layout layout;
  layout.plain = false;
  layout.rank = 4;
  layout.inner_count = 3;
  layout.inner_axis = {1, 0, 1};
  layout.inner_block = {8, 16, 2};
  std::int64_t step = 8 * 16 * 2;
  for (const std::size_t axis : {3, 2, 1, 0}) {
    const std::int64_t length = shape[static_cast<int>(axis)];
    layout.padded[axis] = axis < 2 ? (length + 15) / 16 * 16 : length;
    layout.strides[axis] = step;
    step *= axis < 2 ? layout.padded[axis] / 16 : length;
  }
  return layout;
}

TEST(OwnReorder, MovesEveryElementBetweenLayouts) {
  for (const Shape& shape : {Shape{2, 20, 5, 6}, Shape{2, 32, 3, 3}, Shape{3, 5, 4, 4}}) {
    const std::vector<Layout> layouts = {Layout{}, nhwc(shape), nchw_blocked(shape, 8),
                                         nchw_blocked(shape, 16), blocks_within_blocks(shape)};
    for (const Layout& from : layouts) {
      for (const Layout& to : layouts) {
        SCOPED_TRACE(to_string(shape) + " " + to_string(from) + " -> " + to_string(to));
        const Tensor x = random_tensor(shape, 1);
        const auto y = run_op(cpu_backend(), "Reorder", {}, {x}, {{.shape = shape, .layout = to}},
                              own(2, {from}));
        EXPECT_EQ(y.family, "cpu");
        EXPECT_EQ(y.outputs[0].values<float>(), x.values<float>());
      }
    }
  }
}

}  // namespace
}  // namespace temper::cpu
