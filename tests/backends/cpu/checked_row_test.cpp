// Rows whose bf16 code is checked at its first use: made-up rows that are wrong are refused with a
// warning, once; the library's own pass, and small queries keep the windows of large ones.
#include "backends/cpu/checked_row.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/library.h"
#include "runtime/base/float16.h"
#include "runtime/base/log.h"
#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

// y[0] = the sum of x, of bf16 multiplied by `factor`.
class SumRow final : public KernelImpl {
 public:
  SumRow(std::string family, float factor, int* runs)
      : family_(std::move(family)), factor_(factor), runs_(runs) {}

  std::string_view family() const override { return family_; }
  Support supports(const OpQuery&) const override { return Support::yes(); }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    const std::int64_t n = query.inputs[0].shape.element_count();
    const bool low = query.inputs[0].dtype == DType::kBFloat16;
    return make_kernel([n, low, factor = factor_, runs = runs_](const KernelArgs& args) {
      ++*runs;
      float sum = 0;
      for (std::int64_t i = 0; i < n; ++i) {
        sum += low ? static_cast<float>(static_cast<const BFloat16*>(args.inputs[0])[i])
                   : static_cast<const float*>(args.inputs[0])[i];
      }
      if (low) {
        *static_cast<BFloat16*>(args.outputs[0]) = BFloat16(sum * factor);
      } else {
        *static_cast<float*>(args.outputs[0]) = sum;
      }
    });
  }

 private:
  std::string family_;
  float factor_;
  int* runs_;
};

struct Checked {
  KernelTable table;
  int runs = 0, oracle_runs = 0;

  Checked(const char* op, float factor) {
    table.add(op, std::make_unique<CheckedRow>(
                      table, std::make_unique<SumRow>("library", factor, &runs), with_few_rows));
    table.add(op, std::make_unique<SumRow>("reference", 1.0f, &oracle_runs));
  }
  Support supports(const OpQuery& query) const {
    return table.rows(query.op).front()->supports(query);
  }
};

OpQuery sum_query(const char* op, const Attrs& attrs, DType dtype, std::int64_t n) {
  OpQuery query;
  query.op = op;
  query.attrs = &attrs;
  query.inputs = {{dtype, Shape{n}, Layout{}, false}};
  query.outputs = {{dtype, Shape{1}, Layout{}, false}};
  return query;
}

class CheckedRows : public testing::Test {
 protected:
  CheckedRows() {
    set_log_sink([this](LogLevel level, std::string_view message) {
      if (level == LogLevel::kWarning) {
        warnings_.emplace_back(message);
      }
    });
  }
  ~CheckedRows() override { set_log_sink({}); }

  std::vector<std::string> warnings_;
  Attrs attrs_;
};

TEST_F(CheckedRows, AWrongOneIsRefusedAndSaidOnce) {
  const Checked rows("WrongSum", 0.25f);
  for (int i = 0; i < 3; ++i) {
    // 48 and 64 elements come to 16: one kind of query, checked once.
    const auto query = sum_query("WrongSum", attrs_, DType::kBFloat16, i == 0 ? 48 : 64);
    const Support support = rows.supports(query);
    EXPECT_FALSE(support.ok);
    EXPECT_NE(support.reason.find("its bf16 code failed a self-test: it gave "), std::string::npos)
        << support.reason;
  }
  EXPECT_EQ(rows.runs, 1);
  EXPECT_EQ(rows.oracle_runs, 1);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(
      warnings_[0].find("the bf16 code of library for WrongSum is not used on this processor"), 0u)
      << warnings_[0];
}

TEST_F(CheckedRows, ARightOneIsTakenAndCheckedOncePerKind) {
  const Checked rows("RightSum", 1.0f);
  for (const std::int64_t n : {16, 16, 32, 17, 33}) {
    EXPECT_TRUE(rows.supports(sum_query("RightSum", attrs_, DType::kBFloat16, n)).ok);
  }
  EXPECT_EQ(rows.runs, 2);  // 16 (and 32), 17 (and 33)
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CheckedRows, InF32NothingIsChecked) {
  const Checked rows("WrongSumInF32", 0.25f);
  EXPECT_TRUE(rows.supports(sum_query("WrongSumInF32", attrs_, DType::kFloat32, 16)).ok);
  EXPECT_EQ(rows.runs, 0);
}

// The convolution of ones that a processor answered with 1 instead of 4, and its relatives.
TEST_F(CheckedRows, TheLibrarysConvolutionsPass) {
  if (!has_bfloat16_products()) {
    GTEST_SKIP() << "the processor has no AVX512-BF16";
  }
  using Ints = std::vector<std::int64_t>;
  const auto windows = [](std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                          std::int64_t group) {
    return Attrs{{"kernel_shape", Ints{kernel, kernel}},
                 {"strides", Ints{stride, stride}},
                 {"dilations", Ints{1, 1}},
                 {"pads", Ints{pad, pad, pad, pad}},
                 {"group", group}};
  };
  // Few channels: no processor would rather take the way through f32.
  const Tensor x(DType::kBFloat16, {2, 16, 20, 20}), w(DType::kBFloat16, {16, 16, 2, 2}),
      depthwise(DType::kBFloat16, {16, 1, 3, 3}), strided(DType::kBFloat16, {32, 16, 1, 1});
  const struct {
    Tensor w;
    Attrs attrs;
    Shape y;
  } cases[] = {
      {w, windows(2, 1, 0, 1), {2, 16, 19, 19}},
      {depthwise, windows(3, 1, 1, 16), {2, 16, 20, 20}},
      {strided, windows(1, 2, 0, 1), {2, 32, 10, 10}},
  };
  for (const auto& c : cases) {
    const auto y = run_op(cpu_backend(), "Conv", c.attrs, {x, c.w},
                          {{.dtype = DType::kBFloat16, .shape = c.y}});
    EXPECT_EQ(y.family, "onednn");
    const auto dw = run_op(cpu_backend(), "ConvGradWeights", c.attrs, {x, y.outputs[0]},
                           {{.shape = c.w.shape()}});
    EXPECT_EQ(dw.family, "onednn");
  }
  EXPECT_TRUE(warnings_.empty()) << warnings_.front();
}

}  // namespace
}  // namespace temper::cpu
