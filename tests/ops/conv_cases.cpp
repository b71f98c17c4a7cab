// Cases of Conv and its two gradients, and of ConvTranspose.
#include <algorithm>

#include "tests/ops/nn_cases.h"
#include "tests/ops/window_forms.h"

namespace temper::op_suite {
namespace {

struct ConvCase {
  Shape x, w;
  WindowForm form;
  std::string auto_pad = {};
};

Attrs attrs_of(const ConvCase& c) {
  Attrs attrs{{"strides", c.form.stride}, {"dilations", c.form.dilation}, {"group", c.form.group}};
  if (c.auto_pad.empty()) {
    Ints pads = c.form.pad_begin;
    pads.insert(pads.end(), c.form.pad_end.begin(), c.form.pad_end.end());
    attrs.set("pads", pads);
  } else {
    attrs.set("auto_pad", c.auto_pad);
  }
  return attrs;
}

std::vector<ConvCase> conv_list() {
  return {
      // x, w, {kernel, stride, dilation, pads, output, group}
      {{2, 3, 7}, {4, 3, 3}, {{3}, {1}, {1}, {0}, {0}, {5}}},
      {{2, 3, 8}, {4, 3, 3}, {{3}, {2}, {2}, {1}, {2}, {4}}},
      {{2, 3, 5, 6}, {4, 3, 3, 3}, {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {5, 6}}},
      {{2, 2, 5, 6}, {3, 2, 1, 1}, {{1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {5, 6}}},
      {{1, 2, 7, 6}, {3, 2, 3, 2}, {{3, 2}, {2, 1}, {1, 1}, {0, 1}, {2, 0}, {4, 6}}},
      {{2, 4, 6, 5}, {6, 2, 2, 3}, {{2, 3}, {1, 2}, {2, 1}, {1, 0}, {0, 1}, {5, 2}, 2}},
      {{2, 3, 6, 6}, {6, 1, 3, 3}, {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {6, 6}, 3}},
      {{1, 2, 3, 4, 3},
       {2, 2, 2, 2, 2},
       {{2, 2, 2}, {1, 2, 1}, {1, 1, 2}, {0, 1, 0}, {1, 1, 0}, {3, 3, 1}}},
      // auto_pad: the padding it must come to is in the form
      {{1, 2, 5, 6}, {2, 2, 3, 2}, {{3, 2}, {2, 1}, {1, 1}, {1, 0}, {1, 1}, {3, 6}}, "SAME_UPPER"},
      {{1, 2, 5, 6}, {2, 2, 3, 2}, {{3, 2}, {2, 1}, {1, 1}, {1, 1}, {1, 0}, {3, 6}}, "SAME_LOWER"},
      {{1, 2, 6, 6}, {2, 2, 2, 3}, {{2, 3}, {4, 2}, {1, 2}, {0, 1}, {0, 2}, {2, 3}}, "SAME_UPPER"},
      {{1, 2, 5, 6}, {2, 2, 3, 2}, {{3, 2}, {2, 1}, {1, 1}, {0, 0}, {0, 0}, {2, 5}}, "VALID"},
      // as many samples as lie side by side where channels are few
      {{16, 2, 4, 5}, {3, 2, 3, 3}, {{3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {4, 5}}},
  };
}

Shape output_shape(const ConvCase& c) {
  Shape y{c.x[0], c.w[0]};
  for (const std::int64_t dim : c.form.out) {
    y.push_back(dim);
  }
  return y;
}

Ints to_ints(const Shape& shape) { return {shape.begin(), shape.end()}; }

// y of ConvTranspose, with the convolution (from y to x) it is the transpose of.
struct TransposeCase {
  Shape x, w, y;
  WindowForm form;  // out: x's spatial dimensions
  Ints output_padding = {};
  Ints output_shape = {};
  std::string auto_pad = {};
};

std::vector<TransposeCase> transpose_list() {
  return {
      // x, w, y, {kernel, stride, dilation, pads, x's spatial dimensions, group}
      {{2, 3, 4}, {3, 2, 3}, {2, 2, 9}, {{3}, {2}, {1}, {0}, {0}, {4}}},
      {{2, 3, 4, 4}, {3, 2, 4, 4}, {2, 2, 8, 8}, {{4, 4}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {4, 4}}},
      {{1, 2, 3, 4}, {2, 3, 3, 2}, {1, 3, 6, 7}, {{3, 2}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, {3, 4}}},
      {{1, 2, 3, 3},
       {2, 2, 3, 3},
       {1, 2, 6, 8},
       {{3, 3}, {2, 3}, {1, 1}, {1, 1}, {1, 1}, {3, 3}},
       {1, 1}},
      {{2, 4, 3, 2},
       {4, 1, 2, 3},
       {2, 2, 5, 6},
       {{2, 3}, {1, 1}, {2, 2}, {0, 0}, {0, 0}, {3, 2}, 2}},
      {{1, 2, 2, 3, 2},
       {2, 2, 2, 2, 2},
       {1, 2, 3, 5, 3},
       {{2, 2, 2}, {1, 2, 1}, {1, 1, 1}, {0, 1, 0}, {0, 0, 0}, {2, 3, 2}}},
      // output_shape and auto_pad: the padding it must come to is in the form
      {{1, 1, 3, 3},
       {1, 2, 3, 3},
       {1, 2, 6, 6},
       {{3, 3}, {2, 2}, {1, 1}, {0, 0}, {1, 1}, {3, 3}},
       {},
       {},
       "SAME_UPPER"},
      {{1, 1, 3, 3},
       {1, 2, 3, 3},
       {1, 2, 6, 6},
       {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, {3, 3}},
       {},
       {},
       "SAME_LOWER"},
      {{1, 1, 3, 3},
       {1, 2, 3, 3},
       {1, 2, 6, 5},
       {{3, 3}, {2, 2}, {1, 1}, {1, 1}, {0, 1}, {3, 3}},
       {},
       {6, 5}},
      {{1, 1, 3}, {1, 2, 3}, {1, 2, 10}, {{3}, {3}, {1}, {0}, {0}, {3}}, {}, {10}},
  };
}

void add_transpose_case(std::vector<OpCase>& cases, const TransposeCase& c) {
  Attrs attrs = attrs_of({c.x, c.w, c.form, c.auto_pad});
  if (!c.output_padding.empty()) {
    attrs.set("output_padding", c.output_padding);
  }
  if (!c.output_shape.empty()) {
    attrs.set("output_shape", c.output_shape);
    attrs.erase("pads");
  }
  const auto form = [c](const std::vector<HostTensor>& in) {
    HostTensor y = conv_grad_data_form(c.form, c.y)({in[1], in[0]}).front();
    const std::int64_t plane = y.count() / (c.y[0] * c.y[1]);
    for (std::int64_t i = 0; i < y.count() && in.size() > 2; ++i) {
      y[i] += in[2][i / plane % c.y[1]];
    }
    return std::vector{y};
  };
  cases.push_back({.op = "ConvTranspose",
                   .attrs = attrs,
                   .inputs = {random(c.x), random(c.w), random({c.y[1]})},
                   .differentiate = {0, 1, 2},
                   .expected = form});
  cases.push_back({.op = "ConvTranspose",
                   .attrs = std::move(attrs),
                   .inputs = {random(c.x), random(c.w)},
                   .differentiate = {0, 1},
                   .expected = form,
                   .label = "no_bias"});
}

}  // namespace

void add_conv_cases(std::vector<OpCase>& cases) {
  for (const ConvCase& c : conv_list()) {
    cases.push_back({.op = "Conv",
                     .attrs = attrs_of(c),
                     .inputs = {random(c.x), random(c.w), random({c.w[0]})},
                     .differentiate = {0, 1, 2},
                     .expected = conv_form(c.form)});
    Attrs data = attrs_of(c);
    data.set("input_shape", to_ints(c.x));
    cases.push_back({.op = "ConvGradData",
                     .attrs = std::move(data),
                     .inputs = {random(c.w), random(output_shape(c))},
                     .expected = conv_grad_data_form(c.form, c.x)});
    Attrs weights = attrs_of(c);
    weights.set("weight_shape", to_ints(c.w));
    cases.push_back({.op = "ConvGradWeights",
                     .attrs = std::move(weights),
                     .inputs = {random(c.x), random(output_shape(c))},
                     .outputs = 2,
                     .expected = conv_grad_weights_form(c.form, c.w),
                     .tolerance_factor = 4,
                     .tolerance_reason = "float32 kernels sum up to 72 products of either sign"});
  }
  for (const TransposeCase& c : transpose_list()) {
    add_transpose_case(cases, c);
  }
  const ConvCase plain = conv_list()[2];
  cases.push_back({.op = "Conv",
                   .attrs = attrs_of(plain),
                   .inputs = {random(plain.x), random(plain.w)},
                   .differentiate = {0, 1},
                   .expected = conv_form(plain.form),
                   .label = "no_bias"});
  cases.push_back({.op = "Conv",
                   .attrs = attrs_of(plain),
                   .inputs = {random(plain.x), random(plain.w), random({plain.w[0]})},
                   .differentiate = {2},
                   .label = "bias_only"});
  Attrs relu = attrs_of(plain);
  relu.set("relu", std::int64_t{1});
  cases.push_back({.op = "Conv",
                   .attrs = std::move(relu),
                   .inputs = {random(plain.x), random(plain.w), random({plain.w[0]})},
                   .expected =
                       [form = plain.form](const std::vector<HostTensor>& in) {
                         return map1([](double v) { return std::max(v, 0.0); })(
                             conv_form(form)(in));
                       },
                   .label = "relu"});
  Attrs capped = attrs_of(plain);
  capped.set("relu", std::int64_t{1});
  capped.set("ceiling", 0.5);
  cases.push_back({.op = "Conv",
                   .attrs = std::move(capped),
                   .inputs = {random(plain.x), random(plain.w), random({plain.w[0]})},
                   .expected =
                       [form = plain.form](const std::vector<HostTensor>& in) {
                         return map1([](double v) { return std::clamp(v, 0.0, 0.5); })(
                             conv_form(form)(in));
                       },
                   .label = "relu6"});
}

}  // namespace temper::op_suite
