// Cases of the sizes and types that a device's kernels have an instance of their own for: heads of
// attention, long rows, elements of one, two and eight bytes. The thread sanitizer's run of the
// suite (tools/test_cuda_sanitizers.sh) asks that every kernel has a case.
#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/concat.h"
#include "tests/ops/expected/matrix_updates.h"
#include "tests/ops/families.h"
#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

constexpr DType kInt32 = DType::kInt32, kInt64 = DType::kInt64;

// Columns and long rows: products of a few threes and many signs.
void add_integer_reductions(std::vector<OpCase>& cases) {
  const auto numbers = [](const Shape& shape) {
    std::vector<double> made;
    for (std::int64_t i = 0; i < shape.element_count(); ++i) {
      made.push_back(i % 997 == 5 ? 3 : i % 3 == 0 ? -1 : 1);
    }
    return values(shape, std::move(made));
  };
  for (const char* op : {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd"}) {
    for (const auto& [shape, axis] : {std::pair{Shape{40, 9}, 0}, {Shape{1, 40000}, 1}}) {
      OpCase made{.op = op,
                  .attrs = {{"axes", Ints{axis}}, {"keepdims", std::int64_t{0}}},
                  .inputs = {numbers(shape)},
                  .dtypes = {kInt32, kInt64},
                  .label = axis == 0 ? "columns_of_integers" : "long_rows_of_integers"};
      cases.push_back(made);
      if (op == std::string("ReduceProd")) {
        made.inputs = {random(shape, 0.95, 1.05)};
        made.dtypes = {DType::kFloat32, DType::kFloat64};
        made.label = axis == 0 ? "columns" : "long_rows";
        // A factor's rounding counts as often as there are factors.
        made.tolerance_factor = 10;
        made.tolerance_reason = "thousands of factors, multiplied in another order";
        cases.push_back(made);
      } else if (axis == 0 && op != std::string("ReduceSum")) {
        made.inputs = {random(shape, 0, 1)};
        made.dtypes = {DType::kBool};
        made.label = "columns_of_truths";
        cases.push_back(made);
      }
    }
  }
}

void add_wide_heads(std::vector<OpCase>& cases) {
  for (const std::int64_t size : {96, 200}) {
    const Shape queries{1, 2, 2, size}, keys{1, 2, 3, size};
    const Attrs attrs{{"scale", 0.05}, {"causal", std::int64_t{1}}};
    cases.push_back({.op = "FusedAttention",
                     .attrs = attrs,
                     .inputs = {random(queries), random(keys), random(keys), missing(), missing()},
                     .differentiate = {0, 1, 2},  // in 16 bits, where its sums are f32
                     .label = concat("heads_of_", size)});
    cases.push_back({.op = "FusedAttentionGrad",
                     .attrs = attrs,
                     .inputs = {random(queries, -1, 1), random(keys, -1, 1), random(keys, -1, 1),
                                missing(), missing(), random(queries, -1, 1),
                                random({1, 2, 2}, 5, 6), random(queries, -1, 1)},
                     .outputs = 3,
                     .label = concat("heads_of_", size)});
  }
}

void add_long_rows(std::vector<OpCase>& cases) {
  const Shape x{3, 5000}, part{5000};
  const Attrs attrs{{"axis", std::int64_t{1}}, {"epsilon", 1e-5}};
  cases.push_back({.op = "RowNorm",
                   .attrs = attrs,
                   .inputs = {random(x), random(part), random(part)},
                   .dtypes = {DType::kFloat32},
                   .label = "long_rows"});
  cases.push_back({.op = "RowNormGrad",
                   .attrs = attrs,
                   .inputs = {random(x), random(part), random(part), random(x)},
                   .outputs = 3,
                   .dtypes = {DType::kFloat32},
                   .label = "long_rows"});
}

void add_element_sizes(std::vector<OpCase>& cases) {
  const std::vector<DType> sizes = {DType::kUInt8, DType::kFloat16, DType::kFloat32, kInt64};
  for (const DType index : {kInt64, DType::kFloat32}) {
    OpCase hot = shape_case("OneHot", {},
                            {values({4}, {0, 2, -1, 1}).of(index), ints({3}), values({2}, {0, 1})},
                            given({4, 3}, {1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 1, 0}));
    hot.inputs[1].shape = {1};
    hot.dtypes = sizes;
    hot.label = concat("indices_", index);
    cases.push_back(hot);
  }
  for (const char* type : {"u8", "i16", "i64"}) {
    cases.push_back({.op = "Bernoulli",
                     .attrs = {{"random_id", std::int64_t{3}},
                               {"seed", std::int64_t{7}},
                               {"dtype", std::string(type)}},
                     .inputs = {values({4}, {0, 1, 1, 0})},
                     .expected = given({4}, {0, 1, 1, 0}),
                     .dtypes = {DType::kFloat32},
                     .label = concat("certain_", type)});
  }
  // Entries of one element.
  OpCase written{.op = "TensorScatter",
                 .inputs = {small({2, 4, 1}), small({2, 2, 1}), values({2}, {2, 0}).of(kInt64)},
                 .dtypes = sizes,
                 .label = "narrow"};
  cases.push_back(written);
  written.op = "TensorScatterGrad";
  written.attrs = {{"length", std::int64_t{2}}};
  written.inputs = {small({2, 4, 1}), values({2}, {1, 2}).of(kInt64)};
  cases.push_back(written);
  cases.push_back({.op = "Reorder",
                   .inputs = {small({2, 3, 4, 5})},
                   .expected = same_elements({2, 3, 4, 5}),
                   .dtypes = sizes,
                   .label = "planes"});
  cases.push_back({.op = "CommitIf",
                   .inputs = {values({}, {1}).of(DType::kBool), small({3, 5})},
                   .dtypes = {DType::kUInt8, DType::kFloat16, DType::kFloat32, kInt64},
                   .label = "sizes"});
}

void add_norms_and_scales(std::vector<OpCase>& cases) {
  const auto norm = [&](double p, ClosedForm expected) {
    cases.push_back({.op = "GlobalNorm",
                     .attrs = {{"norm_type", p}},
                     .inputs = {random({3, 4}), random({20000})},
                     .expected = std::move(expected),
                     .label = p > 3 ? "largest" : "cubes"});
  };
  norm(std::numeric_limits<double>::infinity(), [](const std::vector<HostTensor>& in) {
    double largest = 0;
    for (const HostTensor& tensor : in) {
      for (const double value : tensor.values) {
        largest = std::max(largest, std::abs(value));
      }
    }
    return std::vector{HostTensor{{}, {largest}}};
  });
  norm(3, [](const std::vector<HostTensor>& in) {
    double sum = 0;
    for (const HostTensor& tensor : in) {
      for (const double value : tensor.values) {
        sum += std::pow(std::abs(value), 3.0);
      }
    }
    return std::vector{HostTensor{{}, {std::cbrt(sum)}}};
  });
  // torch.amp.GradScaler.update(): grows after two finite steps in a row, halves after one that is
  // not.
  const auto scale = [&](double tracker, bool finite, double next, double count) {
    cases.push_back({.op = "LossScaleUpdate",
                     .attrs = {{"growth_interval", std::int64_t{2}}},
                     .inputs = {values({}, {1024}), values({}, {tracker}).of(kInt64),
                                values({}, {finite ? 1.0 : 0.0}).of(DType::kBool)},
                     .outputs = 2,
                     .expected =
                         [=](const std::vector<HostTensor>&) {
                           return std::vector{HostTensor{{}, {next}}, HostTensor{{}, {count}}};
                         },
                     .dtypes = {DType::kFloat32},
                     .label = concat("after_", tracker, finite ? "_finite" : "_not_finite")});
  };
  scale(0, true, 1024, 1);
  scale(1, true, 2048, 0);
  scale(1, false, 512, 0);
}

// A step of the optimizers that take matrices: what they give is PyTorch's by matrix_updates_test.
void add_matrix_updates(std::vector<OpCase>& cases) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<MatrixTrajectory> torch = matrix_trajectories();
  const auto update = [&](const char* op, const char* optimizer, const Shape& parameter,
                          const std::vector<std::string>& states,
                          const std::vector<Shape>& shapes) {
    OpCase made{.op = op};
    made.attrs = std::find_if(torch.begin(), torch.end(), [&](const MatrixTrajectory& each) {
                   return each.name == optimizer;
                 })->attrs;
    made.attrs.set("count", std::int64_t{1});
    made.attrs.set("group_of", Ints{0});
    made.attrs.set("units_last", Ints{0});
    made.attrs.set("states", states);
    made.inputs = {values({}, {1}).of(DType::kBool),
                   values({2, 3}, {0.1, 0.05, 0.02, nan, nan, nan}).of(DType::kFloat64),
                   values({}, {2}).of(kInt64),
                   values({}, {0.5}).of(DType::kFloat32),
                   random(parameter),
                   random(parameter)};
    for (const Shape& shape : shapes) {
      made.inputs.push_back(random(shape, 0.5, 1));
    }
    made.outputs = static_cast<int>(1 + shapes.size());
    made.dtypes = {DType::kFloat32};
    made.label = "one_step";
    cases.push_back(made);
  };
  update("MuonUpdate", "muon", {6, 9}, {"momentum_buffer"}, {{6, 9}});
  update("AdafactorUpdate", "adafactor", {6, 9}, {"row_var", "col_var"}, {{6, 1}, {1, 9}});
  update("AdafactorVectorUpdate", "adafactor", {9}, {"variance"}, {{9}});
}

}  // namespace

std::vector<OpCase> instance_cases() {
  std::vector<OpCase> cases;
  add_integer_reductions(cases);
  add_wide_heads(cases);
  add_long_rows(cases);
  add_element_sizes(cases);
  add_norms_and_scales(cases);
  add_matrix_updates(cases);
  return cases;
}

}  // namespace temper::op_suite
