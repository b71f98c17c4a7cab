// Cases of pooling over windows and over all of space.
#include <algorithm>

#include "runtime/base/concat.h"
#include "tests/ops/nn_cases.h"
#include "tests/ops/window_forms.h"

namespace temper::op_suite {
namespace {

struct PoolCase {
  Shape x;
  WindowForm form;
  bool ceil_mode = false;
  std::string auto_pad = {};
};

Attrs attrs_of(const PoolCase& c) {
  Attrs attrs{{"kernel_shape", c.form.kernel},
              {"strides", c.form.stride},
              {"dilations", c.form.dilation},
              {"ceil_mode", std::int64_t{c.ceil_mode}}};
  if (c.auto_pad.empty()) {
    Ints pads = c.form.pad_begin;
    pads.insert(pads.end(), c.form.pad_end.begin(), c.form.pad_end.end());
    attrs.set("pads", pads);
  } else {
    attrs.set("auto_pad", c.auto_pad);
  }
  return attrs;
}

std::vector<PoolCase> pool_list() {
  return {
      // x, {kernel, stride, dilation, pads, output}
      {{2, 3, 8}, {{2}, {2}, {1}, {0}, {0}, {4}}},
      {{2, 3, 7}, {{3}, {2}, {2}, {1}, {1}, {3}}},
      {{2, 3, 6, 8}, {{2, 2}, {2, 2}, {1, 1}, {0, 0}, {0, 0}, {3, 4}}},
      {{1, 2, 5, 6}, {{3, 3}, {1, 2}, {1, 1}, {1, 1}, {1, 0}, {5, 3}}},
      {{1, 2, 3, 4, 4}, {{2, 3, 2}, {1, 1, 2}, {1, 1, 1}, {1, 1, 0}, {0, 1, 0}, {3, 4, 2}}},
      // ceil_mode: (7 - 3) / 3 leaves one over: a third window hangs over the end
      {{1, 2, 7, 7}, {{3, 3}, {3, 3}, {1, 1}, {0, 0}, {0, 0}, {3, 3}}, true},
      {{1, 2, 7, 6}, {{3, 2}, {2, 3}, {1, 1}, {1, 1}, {1, 1}, {4, 3}}, true},
      // 4 + 2 padding, kernel 2, stride 5: a second window would start in the padding behind the
      // input, so there is none
      {{1, 1, 4}, {{2}, {5}, {1}, {1}, {1}, {1}}, true},
      {{1, 1, 2, 2}, {{3, 3}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, true},
      {{1, 2, 5, 6}, {{3, 2}, {2, 1}, {1, 1}, {1, 0}, {1, 1}, {3, 6}}, false, "SAME_UPPER"},
      {{1, 2, 5, 6}, {{3, 2}, {2, 1}, {1, 1}, {1, 1}, {1, 0}, {3, 6}}, false, "SAME_LOWER"},
      {{1, 2, 5, 6}, {{3, 2}, {2, 1}, {1, 1}, {0, 0}, {0, 0}, {2, 5}}, false, "VALID"},
  };
}

std::int64_t elements(const PoolCase& c) {
  std::int64_t count = c.x[0] * c.x[1];
  for (const std::int64_t dim : c.form.out) {
    count *= dim;
  }
  return count;
}

void add_average(std::vector<OpCase>& cases, const PoolCase& c, bool count_padding) {
  const PoolKind kind = count_padding ? PoolKind::kAverageWithPadding : PoolKind::kAverage;
  Attrs attrs = attrs_of(c);
  attrs.set("count_include_pad", std::int64_t{count_padding});
  cases.push_back({.op = "AveragePool",
                   .attrs = attrs,
                   .inputs = {random(c.x)},
                   .differentiate = {0},
                   .expected = pool_form(c.form, kind)});
  attrs.set("input_shape", Ints{c.x.begin(), c.x.end()});
  Shape y{c.x[0], c.x[1]};
  for (const std::int64_t dim : c.form.out) {
    y.push_back(dim);
  }
  cases.push_back({.op = "AveragePoolGrad",
                   .attrs = std::move(attrs),
                   .inputs = {random(y)},
                   .expected = average_pool_grad_form(c.form, kind, c.x)});
}

// y and ONNX's indices of the 3x3 input below, by hand; storage_order 1 counts down the columns.
void add_indices(std::vector<OpCase>& cases, bool column_major, std::vector<double> indices) {
  cases.push_back(
      {.op = "MaxPool",
       .attrs = {{"kernel_shape", Ints{2, 2}}, {"storage_order", std::int64_t{column_major}}},
       .inputs = {values({1, 2, 3, 3}, {1, 5, 2, 5, 4, 3, 0, 9, 8,  //
                                        7, 7, 1, 7, 2, 6, 3, 6, 5})},
       .outputs = 2,
       .expected =
           [=](const std::vector<HostTensor>&) {
             return std::vector{HostTensor{{1, 2, 2, 2}, {5, 5, 9, 9, 7, 7, 7, 6}},
                                HostTensor{{1, 2, 2, 2}, indices}};
           },
       .dtypes = {DType::kFloat32, DType::kFloat64, DType::kInt8, DType::kUInt8},
       .label = "indices"});
}

}  // namespace

void add_pool_cases(std::vector<OpCase>& cases) {
  for (const PoolCase& c : pool_list()) {
    cases.push_back({.op = "MaxPool",
                     .attrs = attrs_of(c),
                     .inputs = {distinct(c.x)},
                     .differentiate = {0},
                     .expected = pool_form(c.form, PoolKind::kMax),
                     .label = concat("of", elements(c))});
    add_average(cases, c, false);
    add_average(cases, c, true);
  }
  add_indices(cases, false, {1, 1, 7, 7, 9, 10, 12, 14});
  add_indices(cases, true, {3, 3, 5, 5, 9, 12, 10, 16});
  // Both taps of the dilated window lie beside the one element: 0, as ONNX Runtime has it.
  cases.push_back({.op = "AveragePool",
                   .attrs = {{"kernel_shape", Ints{2}},
                             {"dilations", Ints{2}},
                             {"pads", Ints{1, 1}},
                             {"strides", Ints{1}}},
                   .inputs = {random({2, 3, 1})},
                   .differentiate = {0},
                   .expected =
                       [](const std::vector<HostTensor>&) {
                         return std::vector{HostTensor{{2, 3, 1}, {0, 0, 0, 0, 0, 0}}};
                       },
                   .label = "beside"});
  for (const Shape& x : {Shape{2, 3, 5}, Shape{2, 3, 4, 5}, Shape{1, 2, 2, 3, 4}}) {
    Ints kernel(x.begin() + 2, x.end());
    const std::size_t rank = kernel.size();
    const Ints ones(rank, 1);
    const Ints zeros(rank, 0);
    const WindowForm form{kernel, ones, ones, zeros, zeros, ones};
    cases.push_back({.op = "GlobalAveragePool",
                     .inputs = {random(x)},
                     .differentiate = {0},
                     .expected = pool_form(form, PoolKind::kAverage)});
    cases.push_back({.op = "GlobalMaxPool",
                     .inputs = {distinct(x)},
                     .differentiate = {0},
                     .expected = pool_form(form, PoolKind::kMax)});
  }
}

}  // namespace temper::op_suite
