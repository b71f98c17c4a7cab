// Op cases: ops that take a part of their input or put its elements in another order, by a rule.
#include <string>

#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

// Each in all types, and with its gradient.
void add_both(std::vector<OpCase>& cases, const char* op, const Attrs& attrs, const Shape& shape,
              const std::vector<OpInput>& more, const ClosedForm& expected) {
  for (const bool with_gradient : {false, true}) {
    std::vector<OpInput> inputs = {with_gradient ? random(shape) : small(shape)};
    inputs.insert(inputs.end(), more.begin(), more.end());
    OpCase made = shape_case(op, attrs, std::move(inputs), expected);
    cases.push_back(with_gradient ? differentiable(std::move(made)) : std::move(made));
  }
}

void add_triangles(std::vector<OpCase>& cases) {
  const auto triangle = [](bool upper, std::int64_t k) {
    return [=](const std::vector<HostTensor>& x) {
      return std::vector{generate(x[0].shape, [&](const Index& i) {
        const std::int64_t above = i[i.size() - 1] - i[i.size() - 2];
        return (upper ? above >= k : above <= k) ? at(x[0], i) : 0.0;
      })};
    };
  };
  const Attrs lower = {{"upper", std::int64_t{0}}};
  const OpInput one = values({}, {1}).of(DType::kInt64).constant();
  add_both(cases, "Trilu", {}, {2, 3, 4}, {}, triangle(true, 0));
  add_both(cases, "Trilu", {}, {4, 3}, {one}, triangle(true, 1));
  add_both(cases, "Trilu", lower, {3, 4}, {ints({-1})}, triangle(false, -1));
  cases.push_back(shape_case("Trilu", lower, {small({3, 4}), ints({-100})}, triangle(false, -100)));
  cases.push_back(shape_case("Trilu", {}, {small({0, 4}), ints({7})}, given({0, 4}, {})));
  for (const std::int64_t k : {0, 1, -2, 9}) {
    cases.push_back(
        shape_case("EyeLike", {{"k", k}}, {small({3, 4})}, [k](const std::vector<HostTensor>& x) {
          return std::vector{
              generate(x[0].shape, [&](const Index& i) { return i[1] - i[0] == k ? 1.0 : 0.0; })};
        }));
  }
  cases.push_back(shape_case("EyeLike", {{"dtype", std::string("f64")}}, {small({2, 1})},
                             given({2, 1}, {1, 0})));
}

void add_blocks(std::vector<OpCase>& cases) {
  for (const std::string mode : {"DCR", "CRD"}) {
    const Attrs attrs = {{"blocksize", std::int64_t{2}}, {"mode", mode}};
    const auto channel = [mode](std::int64_t c, std::int64_t i, std::int64_t j) {
      return mode == "DCR" ? (i * 2 + j) * 3 + c : (c * 2 + i) * 2 + j;
    };
    add_both(cases, "DepthToSpace", attrs, {2, 12, 1, 2}, {},
             pick({2, 3, 2, 4}, [=](const Index& i) {
               return Index{i[0], channel(i[1], i[2] % 2, i[3] % 2), i[2] / 2, i[3] / 2};
             }));
    add_both(cases, "SpaceToDepth", attrs, {2, 3, 2, 4}, {}, [=](const std::vector<HostTensor>& x) {
      HostTensor y = generate({2, 12, 1, 2}, [](const Index&) { return 0.0; });
      for (std::int64_t k = 0; k < x[0].count(); ++k) {
        const Index i = coordinates(x[0].shape, k);
        const std::int64_t m = channel(i[1], i[2] % 2, i[3] % 2);
        y[((i[0] * 12 + m) + i[2] / 2) * 2 + i[3] / 2] = x[0][k];
      }
      return std::vector{y};
    });
  }
}

void add_compress(std::vector<OpCase>& cases) {
  const OpInput condition = values({3}, {0, 1, 1}).of(DType::kBool).constant();
  add_both(cases, "Compress", {{"axis", std::int64_t{-2}}}, {4, 2}, {condition},
           pick({2, 2}, [](const Index& i) { return Index{i[0] + 1, i[1]}; }));
  add_both(cases, "Compress", {}, {2, 2}, {condition},
           pick({2}, [](const Index& i) { return Index{i[0] == 0 ? 0 : 1, i[0] == 0 ? 1 : 0}; }));
  cases.push_back(shape_case("Compress", {},
                             {small({2, 3}), values({2}, {0, 0}).of(DType::kBool).constant()},
                             given({0}, {})));
}

void add_reverse_sequence(std::vector<OpCase>& cases) {
  const OpInput lengths = values({2}, {3, 1}).of(DType::kInt64);
  const auto reversed = [](const Index& i, std::size_t batch, std::size_t time) {
    Index from = i;
    const std::int64_t length = i[batch] == 0 ? 3 : 1;
    from[time] = i[time] < length ? length - 1 - i[time] : i[time];
    return from;
  };
  add_both(cases, "ReverseSequence", {}, {4, 2, 2}, {lengths},
           pick({4, 2, 2}, [=](const Index& i) { return reversed(i, 1, 0); }));
  add_both(cases, "ReverseSequence", {{"batch_axis", std::int64_t{0}}, {"time_axis", kOne}}, {2, 4},
           {lengths}, pick({2, 4}, [=](const Index& i) { return reversed(i, 0, 1); }));
  cases.push_back(shape_case("ReverseSequence", {},
                             {small({2, 0}), values({0}, {}).of(DType::kInt64)},
                             given({2, 0}, {})));
}

void add_center_crop_pad(std::vector<OpCase>& cases) {
  add_both(cases, "CenterCropPad", {}, {5, 2}, {ints({2, 5})},
           [](const std::vector<HostTensor>& x) {
             return std::vector{generate({2, 5}, [&](const Index& i) {
               return i[1] >= 1 && i[1] < 3 ? at(x[0], {i[0] + 1, i[1] - 1}) : 0.0;
             })};
           });
  add_both(cases, "CenterCropPad", {{"axes", Ints{-1}}}, {2, 4}, {ints({1})},
           pick({2, 1}, [](const Index& i) { return Index{i[0], 1}; }));
}

void add_tensor_scatter(std::vector<OpCase>& cases) {
  const auto written = [](std::int64_t first, std::int64_t second) {
    return [=](const std::vector<HostTensor>& x) {
      HostTensor y = x[0];
      for (std::int64_t n = 0; n < 2; ++n) {
        for (std::int64_t s = 0; s < 2; ++s) {
          for (std::int64_t j = 0; j < 2; ++j) {
            const std::int64_t row = ((n == 0 ? first : second) + s) % 4;
            y[(n * 4 + row) * 2 + j] = x[1][(n * 2 + s) * 2 + j];
          }
        }
      }
      return std::vector{y};
    };
  };
  const Attrs circular = {{"mode", std::string("circular")}};
  const auto at = [](double first, double second) {
    return values({2}, {first, second}).of(DType::kInt64);
  };
  cases.push_back(shape_case("TensorScatter", {}, {small({2, 4, 2}), small({2, 2, 2}), at(2, 0)},
                             written(2, 0)));
  cases.push_back(
      shape_case("TensorScatter", {}, {small({2, 4, 2}), small({2, 2, 2})}, written(0, 0)));
  cases.push_back(
      differentiable(shape_case("TensorScatter", {},
                                {random({2, 4, 2}), random({2, 2, 2}), at(1, 2)}, written(1, 2)),
                     {0, 1}));
  cases.push_back(
      differentiable(shape_case("TensorScatter", circular,
                                {random({2, 4, 2}), random({2, 2, 2}), at(3, 6)}, written(3, 2)),
                     {0, 1}));
  cases.push_back(differentiable(shape_case(
      "TensorScatterGrad", {{"length", std::int64_t{2}}}, {random({2, 4, 2}), at(1, 2)},
      pick({2, 2, 2}, [](const Index& i) { return Index{i[0], i[0] + 1 + i[1], i[2]}; }))));
}

// Blocks of [2] with stride 1 over [3], padded by one in front, and 2 x 2 blocks without overlap.
void add_col2im(std::vector<OpCase>& cases) {
  const Attrs padded = {{"pads", Ints{1, 0}}};
  const auto summed = [](const std::vector<HostTensor>& x) {
    return std::vector{generate({2, 1, 3}, [&](const Index& i) {
      const double last = i[2] < 2 ? at(x[0], {i[0], 0, i[2] + 1}) : 0.0;
      return at(x[0], {i[0], 1, i[2]}) + last;
    })};
  };
  OpCase integers =
      shape_case("Col2Im", padded, {random({2, 2, 3}, 0, 9), ints({3}), ints({2})}, summed);
  integers.dtypes = {DType::kInt8, DType::kInt32, DType::kInt64, DType::kUInt8, DType::kUInt64};
  cases.push_back(integers);
  cases.push_back(
      shape_case("Col2Im", {}, {random({0, 2, 2}), ints({3}), ints({2})}, given({0, 1, 3}, {})));
  cases.back().dtypes = {DType::kFloat32, DType::kInt64};
  cases.push_back(differentiable(
      shape_case("Col2Im", padded, {random({2, 2, 3}), ints({3}), ints({2})}, summed)));
  cases.push_back(differentiable(shape_case(
      "Col2Im", {{"strides", Ints{2, 2}}}, {random({1, 8, 2}), ints({2, 4}), ints({2, 2})},
      pick({1, 2, 2, 4},
           [](const Index& i) { return Index{0, i[1] * 4 + i[2] * 2 + i[3] % 2, i[3] / 2}; }))));
  cases.push_back(differentiable(shape_case(
      "Im2Col", {{"block_shape", Ints{2}}, {"dilations", Ints{2}}}, {random({1, 2, 4})},
      pick({1, 4, 2}, [](const Index& i) { return Index{0, i[1] / 2, i[1] % 2 * 2 + i[2]}; }))));
}

void add_max_unpool(std::vector<OpCase>& cases) {
  const Attrs attrs = {{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}};
  const OpInput places = values({1, 1, 1, 2}, {5, 2}).of(DType::kInt64);
  const auto unpooled = [](std::int64_t columns) {
    return [=](const std::vector<HostTensor>& x) {
      return std::vector{generate({1, 1, 2, columns}, [&](const Index& i) {
        return i == Index{0, 0, 1, 1} ? x[0][0] : i == Index{0, 0, 0, 2} ? x[0][1] : 0.0;
      })};
    };
  };
  add_both(cases, "MaxUnpool", attrs, {1, 1, 1, 2}, {places}, unpooled(4));
  add_both(cases, "MaxUnpool", attrs, {1, 1, 1, 2}, {places, ints({1, 1, 2, 5})}, unpooled(5));
  Attrs grad = attrs;
  grad.set("pooled_shape", Ints{1, 1, 2, 4});
  cases.push_back(differentiable(shape_case(
      "MaxUnpoolGrad", grad, {random({1, 1, 2, 4}), places}, pick({1, 1, 1, 2}, [](const Index& i) {
        return i[3] == 0 ? Index{0, 0, 1, 1} : Index{0, 0, 0, 2};
      }))));
}

// Shapes that depend on values, of constants.
void add_found(std::vector<OpCase>& cases) {
  const auto known = [](const Shape& shape, std::vector<double> numbers) {
    return values(shape, std::move(numbers)).constant();
  };
  cases.push_back(
      shape_case("NonZero", {}, {known({2, 2}, {1, 0, 1, 1})}, given({2, 3}, {0, 1, 1, 0, 0, 1})));
  cases.push_back(shape_case("NonZero", {}, {known({}, {1})}, given({0, 1}, {})));
  const auto unique = [&](Attrs attrs, OpInput input, std::vector<HostTensor> expected) {
    OpCase made = shape_case("Unique", std::move(attrs), {std::move(input)},
                             [=](const std::vector<HostTensor>&) { return expected; });
    made.outputs = 4;
    made.dtypes.pop_back();
    cases.push_back(made);
  };
  unique({}, known({2, 2}, {3, 1, 3, 2}),
         {{{3}, {1, 2, 3}}, {{3}, {1, 3, 0}}, {{4}, {2, 0, 2, 1}}, {{3}, {1, 1, 2}}});
  unique({{"sorted", std::int64_t{0}}}, known({4}, {3, 1, 3, 2}),
         {{{3}, {3, 1, 2}}, {{3}, {0, 1, 3}}, {{4}, {0, 1, 0, 2}}, {{3}, {2, 1, 1}}});
  unique({{"axis", std::int64_t{0}}}, known({3, 2}, {4, 1, 2, 5, 4, 1}),
         {{{2, 2}, {2, 5, 4, 1}}, {{2}, {1, 0}}, {{3}, {1, 0, 1}}, {{2}, {1, 2}}});
  // Box 1 covers most of box 0 and scores less; box 2 lies elsewhere, flipped.
  OpCase boxes =
      shape_case("NonMaxSuppression", {},
                 {known({1, 3, 4}, {0, 0, 4, 4, 0, 0, 4, 5, 9, 9, 6, 6}),
                  known({1, 1, 3}, {3, 2, 1}), values({1}, {5}).of(DType::kInt64).constant(),
                  values({1}, {0.5}).of(DType::kFloat32).constant()},
                 given({2, 3}, {0, 0, 0, 0, 0, 2}));
  boxes.dtypes = {DType::kFloat32};
  cases.push_back(boxes);
}

}  // namespace

std::vector<OpCase> arrangement_cases() {
  std::vector<OpCase> cases;
  for (const auto add :
       {add_triangles, add_blocks, add_compress, add_reverse_sequence, add_center_crop_pad,
        add_tensor_scatter, add_col2im, add_max_unpool, add_found}) {
    add(cases);
  }
  return cases;
}

}  // namespace temper::op_suite
