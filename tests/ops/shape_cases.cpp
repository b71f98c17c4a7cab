// Op cases: ops that move elements. Outputs of onnx's reference evaluator are in
// expected/shape_ops.cpp; here are closed forms, all element types, gradients and the internal ops.
// Casts and queries: cast_cases.cpp.
#include <limits>

#include "tests/ops/families.h"
#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

void add_reshapes(std::vector<OpCase>& cases) {
  cases.push_back(shape_case("Reshape", {}, {small({2, 3, 5}), ints({-1, 0})},
                             [](const std::vector<HostTensor>& x) {
                               return std::vector{HostTensor{{10, 3}, x[0].values}};
                             }));
  const auto add = [&](const char* op, Attrs attrs, const Shape& input, std::vector<OpInput> more,
                       const Shape& output) {
    for (const bool with_gradient : {false, true}) {
      std::vector<OpInput> inputs = {with_gradient ? random(input) : small(input)};
      inputs.insert(inputs.end(), more.begin(), more.end());
      OpCase made = shape_case(op, attrs, inputs, same_elements(output));
      cases.push_back(with_gradient ? differentiable(std::move(made)) : std::move(made));
    }
  };
  add("Reshape", {}, {3, 4}, {ints({2, -1, 1})}, {2, 6, 1});
  add("Reshape", {}, {0, 3}, {ints({0, 1, 3})}, {0, 1, 3});
  add("Reshape", {}, {1}, {ints({})}, {});
  add("Flatten", {{"axis", std::int64_t{2}}}, {3, 1, 5}, {}, {3, 5});
  add("Flatten", {{"axis", std::int64_t{0}}}, {}, {}, {1, 1});
  add("Squeeze", {}, {1, 3, 1}, {ints({0})}, {3, 1});
  add("Unsqueeze", {}, {3, 0}, {ints({1})}, {3, 1, 0});
  add("Unsqueeze", {}, {3, 2}, {ints({-1})}, {3, 2, 1});
  add("Identity", {}, {7}, {}, {7});
  add("Identity", {}, {}, {}, {});
  add("StopGradient", {}, {7}, {}, {7});
  cases.back().differentiate.clear();  // its gradient is zero, which is not the difference quotient
  OpCase copy = shape_case("Copy", {}, {small({3, 5})}, same_elements({3, 5}));
  cases.push_back(copy);
  copy.op = "Reorder";
  cases.push_back(copy);
}

void add_transposes(std::vector<OpCase>& cases) {
  const auto transpose = [](const Shape& output, Ints perm) {
    return pick(output, [perm](const Index& i) {
      Index from(perm.size());
      for (std::size_t a = 0; a < perm.size(); ++a) {
        from[static_cast<std::size_t>(perm[a])] = i[a];
      }
      return from;
    });
  };
  const Ints perm = {2, 0, 3, 1};
  cases.push_back(shape_case("Transpose", {{"perm", perm}}, {small({2, 3, 5, 1})},
                             transpose({5, 2, 1, 3}, perm)));
  cases.push_back(differentiable(shape_case("Transpose", {{"perm", perm}}, {random({2, 3, 5, 1})},
                                            transpose({5, 2, 1, 3}, perm))));
  cases.push_back(
      differentiable(shape_case("Transpose", {}, {random({3, 7})}, transpose({7, 3}, {1, 0}))));
  cases.push_back(shape_case("Transpose", {}, {small({0, 3})}, given({3, 0}, {})));
  cases.push_back(shape_case("Transpose", {}, {small({})}, same_elements({})));
}

// Both inputs along axis 1.
std::vector<HostTensor> concat_columns(const std::vector<HostTensor>& x) {
  const std::int64_t left = x[0].shape[1];
  return {generate({x[0].shape[0], left + x[1].shape[1]}, [&](const Index& i) {
    return i[1] < left ? at(x[0], i) : at(x[1], {i[0], i[1] - left});
  })};
}

void add_concat_split(std::vector<OpCase>& cases) {
  const Attrs axis_1 = {{"axis", kOne}};
  cases.push_back(shape_case("Concat", axis_1, {small({3, 2}), small({3, 5})}, concat_columns));
  cases.push_back(shape_case("Concat", axis_1, {small({3, 0}), small({3, 1})}, concat_columns));
  cases.push_back(differentiable(
      shape_case("Concat", axis_1, {random({3, 2}), random({3, 5})}, concat_columns), {0, 1}));
  cases.push_back(differentiable(
      shape_case("Concat", axis_1, {random({1, 2}), random({1, 1})}, concat_columns), {1}));
  cases.push_back(
      differentiable(shape_case("Concat", axis_1, {random({2, 3})}, same_elements({2, 3}))));

  const auto split = [](const std::vector<HostTensor>& x) {
    const auto part = [&](std::int64_t begin, std::int64_t size) {
      return generate({3, size}, [&](const Index& i) { return at(x[0], {i[0], begin + i[1]}); });
    };
    return std::vector{part(0, 2), part(2, 1), part(3, 4)};
  };
  OpCase three = shape_case("Split", axis_1, {small({3, 7}), ints({2, 1, 4})}, split);
  three.outputs = 3;
  cases.push_back(three);
  three.inputs[0] = random({3, 7});
  cases.push_back(differentiable(three));
  three.wanted = {true, false, true};
  three.expected = [split](const std::vector<HostTensor>& x) {
    std::vector<HostTensor> outputs = split(x);
    outputs[1] = HostTensor{};
    return outputs;
  };
  cases.push_back(differentiable(three));
}

void add_slices(std::vector<OpCase>& cases) {
  const auto reversed_columns =
      pick({3, 3}, [](const Index& i) { return Index{i[0] + 1, 6 - 2 * i[1]}; });
  const std::vector<OpInput> range = {ints({-2, 1}), ints({0, 100}), ints({1, 0}), ints({-2, 1})};
  const auto sliced = [&](OpInput data) {
    std::vector<OpInput> inputs = {std::move(data)};
    inputs.insert(inputs.end(), range.begin(), range.end());
    return shape_case("Slice", {}, std::move(inputs), reversed_columns);
  };
  cases.push_back(sliced(small({4, 8})));
  cases.push_back(differentiable(sliced(random({4, 8}))));
  cases.push_back(differentiable(
      shape_case("Slice", {},
                 {random({5}), ints({4}), ints({std::numeric_limits<std::int64_t>::min()}),
                  missing(), ints({-1})},
                 pick({5}, [](const Index& i) { return Index{4 - i[0]}; }))));
  cases.push_back(differentiable(
      shape_case("Slice", {}, {random({5, 2}), ints({3}), ints({3})}, given({0, 2}, {}))));
  const Attrs grad = {{"starts", Ints{3}},
                      {"ends", Ints{-5}},
                      {"axes", Ints{0}},
                      {"steps", Ints{-2}},
                      {"data_shape", Ints{4, 2}}};
  cases.push_back(differentiable(
      shape_case("SliceGrad", grad, {random({2, 2})}, [](const std::vector<HostTensor>& x) {
        return std::vector{generate({4, 2}, [&](const Index& i) {
          return i[0] % 2 == 1 ? at(x[0], {(3 - i[0]) / 2, i[1]}) : 0.0;
        })};
      })));
}

void add_gathers(std::vector<OpCase>& cases) {
  const Attrs axis_1 = {{"axis", kOne}};
  const std::vector<double> columns = {2, -1, 0, 2};  // column 2 three times, for the sum
  const auto gather = pick({3, 2, 2, 2}, [=](const Index& i) {
    const auto column =
        static_cast<std::int64_t>(columns[static_cast<std::size_t>(i[1] * 2 + i[2])]);
    return Index{i[0], column < 0 ? column + 3 : column, i[3]};
  });
  for (const DType type : {DType::kInt64, DType::kInt32}) {
    cases.push_back(
        shape_case("Gather", axis_1, {small({3, 3, 2}), values({2, 2}, columns).of(type)}, gather));
  }
  cases.push_back(differentiable(shape_case(
      "Gather", axis_1, {random({3, 3, 2}), values({2, 2}, columns).of(DType::kInt64)}, gather)));
  cases.push_back(differentiable(shape_case(
      "Gather", {}, {random({5}), values({}, {-2}).of(DType::kInt64)},
      [](const std::vector<HostTensor>& x) { return std::vector{HostTensor{{}, {x[0][3]}}}; })));
  cases.push_back(shape_case("Gather", {}, {small({3, 2}), values({0}, {}).of(DType::kInt64)},
                             given({0, 2}, {})));
  // An index out of range reads nothing: NaN, or 0 where there is none.
  OpCase outside =
      shape_case("Gather", {}, {small({2}), values({4}, {1, 2, -3, 1e15}).of(DType::kInt64)},
                 [](const std::vector<HostTensor>& x) {
                   return std::vector{HostTensor{{4}, {x[0][1], 0, 0, 0}}};
                 });
  outside.dtypes = {DType::kInt8, DType::kInt64, DType::kUInt32, DType::kBool};
  outside.label = "out_of_range";
  cases.push_back(outside);

  const auto scatter = [=](const std::vector<HostTensor>& x) {
    HostTensor dx{{2, 3}, std::vector<double>(6, 0.0)};
    for (std::int64_t row = 0; row < 2; ++row) {
      for (std::int64_t k = 0; k < 4; ++k) {
        const double column = columns[static_cast<std::size_t>(k)];
        dx[row * 3 + static_cast<std::int64_t>(column < 0 ? column + 3 : column)] +=
            x[0][row * 4 + k];
      }
    }
    return std::vector{dx};
  };
  cases.push_back(differentiable(
      shape_case("GatherGrad", {{"axis", kOne}, {"data_shape", Ints{2, 3}}},
                 {random({2, 4}), values({4}, columns).of(DType::kInt64)}, scatter)));
  OpCase dropped = shape_case(
      "GatherGrad", {{"data_shape", Ints{2}}},
      {random({3}), values({3}, {5, 1, -3}).of(DType::kInt64)},
      [](const std::vector<HostTensor>& x) { return std::vector{HostTensor{{2}, {0, x[0][1]}}}; });
  dropped.dtypes = kFloats;
  dropped.label = "out_of_range";
  cases.push_back(dropped);
}

void add_expand_tile(std::vector<OpCase>& cases) {
  const auto expand = [](const Shape& output) {
    return pick(output, [](const Index& i) { return i; });
  };
  cases.push_back(shape_case("Expand", {}, {small({3, 1}), ints({2, 1, 5})}, expand({2, 3, 5})));
  cases.push_back(differentiable(
      shape_case("Expand", {}, {random({3, 1}), ints({2, 1, 5})}, expand({2, 3, 5}))));
  cases.push_back(differentiable(shape_case("Expand", {}, {random({}), ints({3})}, expand({3}))));
  cases.push_back(
      differentiable(shape_case("Expand", {}, {random({1, 2}), ints({0, 1})}, given({0, 2}, {}))));
  const auto tile = [](const Shape& output, const Shape& input) {
    return pick(output, [=](const Index& i) {
      Index from = i;
      for (int a = 0; a < input.rank(); ++a) {
        from[static_cast<std::size_t>(a)] %= input[a];
      }
      return from;
    });
  };
  cases.push_back(
      shape_case("Tile", {}, {small({2, 1, 3}), ints({2, 3, 1})}, tile({4, 3, 3}, {2, 1, 3})));
  cases.push_back(differentiable(
      shape_case("Tile", {}, {random({2, 1, 3}), ints({2, 3, 2})}, tile({4, 3, 6}, {2, 1, 3}))));
  cases.push_back(
      differentiable(shape_case("Tile", {}, {random({2, 3}), ints({0, 1})}, given({0, 3}, {}))));
}

// The coordinate pad mode `mode` shows at i (from the unpadded axis's start) on an axis of n
// elements.
std::int64_t shown(const std::string& mode, std::int64_t i, std::int64_t n) {
  while (i < 0 || i >= n) {
    if (mode == "edge") {
      i = i < 0 ? 0 : n - 1;
    } else if (mode == "wrap") {
      i += i < 0 ? n : -n;
    } else {
      i = i < 0 ? -i : 2 * (n - 1) - i;
    }
  }
  return i;
}

void add_pads(std::vector<OpCase>& cases) {
  const auto constant = [](const std::vector<HostTensor>& x) {
    return std::vector{generate({3, 5}, [&](const Index& i) {
      const std::int64_t row = i[0] - 1, column = i[1] + 1;
      return row >= 0 && row < 2 && column < 4 ? at(x[0], {row, column}) : 7.0;
    })};
  };
  OpCase cropped =
      shape_case("Pad", {}, {small({2, 4}), ints({1, -1, 0, 2}), constant_scalar(7)}, constant);
  cropped.dtypes.pop_back();  // 7 is no bool
  cases.push_back(cropped);
  cropped.inputs[0] = random({2, 4});
  cases.push_back(differentiable(cropped));
  cases.push_back(differentiable(shape_case("Pad", {}, {random({0, 1}), ints({1, 0, 1, 2})},
                                            given({2, 3}, {0, 0, 0, 0, 0, 0}))));
  cases.push_back(
      differentiable(shape_case("Pad", {}, {random({3, 2}), ints({2, 1}), missing(), ints({-2})},
                                [](const std::vector<HostTensor>& x) {
                                  return std::vector{generate({6, 2}, [&](const Index& i) {
                                    return i[0] >= 2 && i[0] < 5 ? at(x[0], {i[0] - 2, i[1]}) : 0.0;
                                  })};
                                })));
  for (const char* mode : {"reflect", "edge", "wrap"}) {
    const std::string name = mode;
    const Attrs attrs = {{"mode", name}};
    cases.push_back(shape_case("Pad", attrs, {small({3, 3}), ints({2, 0, 1, 4})},
                               pick({6, 7}, [name](const Index& i) {
                                 return Index{shown(name, i[0] - 2, 3), shown(name, i[1], 3)};
                               })));
    cases.push_back(differentiable(
        shape_case("Pad", attrs, {random({3, 5}), ints({2, -1, 1, 4}), missing()},
                   pick({6, 8}, [name](const Index& i) {
                     return Index{shown(name, i[0] - 2, 3), shown(name, i[1], 4) + 1};
                   }))));
    const auto summed = [name](const std::vector<HostTensor>& x) {
      HostTensor dx{{3}, {0, 0, 0}};
      for (std::int64_t i = 0; i < 8; ++i) {
        dx[shown(name, i - 2, 3)] += x[0][i];
      }
      return std::vector{dx};
    };
    cases.push_back(differentiable(
        shape_case("PadGrad", {{"mode", name}, {"pads", Ints{2, 3}}, {"input_shape", Ints{3}}},
                   {random({8})}, summed)));
  }
}

}  // namespace

std::vector<OpCase> shape_cases() {
  std::vector<OpCase> cases;
  for (const auto add : {add_reshapes, add_transposes, add_concat_split, add_slices, add_gathers,
                         add_expand_tile, add_pads}) {
    add(cases);
  }
  for (const auto family : {cast_cases, index_cases, arrangement_cases, onnx_shape_cases}) {
    for (OpCase& op_case : family()) {
      cases.push_back(std::move(op_case));
    }
  }
  return cases;
}

}  // namespace temper::op_suite
