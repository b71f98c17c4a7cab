// Cases large enough for what fast kernels of moving, gathering and reducing ops do beyond small
// tensors: tiles, pieces of long runs, blocks of columns, partial sums.
#include <algorithm>

#include "tests/ops/families.h"
#include "tests/ops/reduction_cases.h"
#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

OpCase large(std::string op, Attrs attrs, std::vector<OpInput> inputs, std::string label = {}) {
  OpCase made{.op = std::move(op), .attrs = std::move(attrs), .inputs = std::move(inputs)};
  made.label = label.empty() ? "large" : "large_" + label;
  return made;
}

OpInput picks(const Shape& shape, std::int64_t dim) {
  std::vector<double> made;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    made.push_back(static_cast<double>(i * i % 7 == 0 ? -1 - i % dim : i * 5 % dim));
  }
  return values(shape, std::move(made)).of(DType::kInt64);
}

void add_moves(std::vector<OpCase>& cases) {
  const Ints turn{1, 0}, heads{0, 2, 1, 3}, last{2, 3, 1, 0}, far{3, 2, 1, 0};
  const auto transpose = [&](const Ints& perm, const Shape& shape, const char* label) {
    cases.push_back(large("Transpose", {{"perm", perm}}, {random(shape)}, label));
    cases.back().dtypes = {DType::kFloat32, DType::kFloat64, DType::kUInt8, DType::kInt64};
  };
  transpose(turn, {70, 131}, "tiles");
  transpose(turn, {3, 40000}, "few_rows");
  transpose(turn, {40000, 5}, "few_columns");
  transpose(heads, {3, 37, 5, 8}, "heads");
  transpose(heads, {2, 9, 7, 2}, "pairs");
  transpose(last, {5, 6, 33, 20}, "channels_last");
  transpose(far, {9, 10, 11, 12}, "reversed");
  const Ints shape{6, 40, 300};
  cases.push_back(large("Expand", {}, {random({6, 1, 300}), ints({6, 40, 300})}, "middle"));
  cases.push_back(large("Expand", {}, {random({40, 1}), ints({6, 40, 300})}, "fill"));
  cases.push_back(large("Tile", {}, {random({5, 3, 20}), ints({2, 3, 70})}));
  cases.push_back(large("Concat", {{"axis", std::int64_t{1}}},
                        {random({30, 3, 50}), random({30, 17, 50}), random({30, 1, 50})}));
  OpCase split = large("Split", {{"axis", std::int64_t{2}}, {"split", Ints{1, 60, 3}}},
                       {random({30, 20, 64})});
  split.outputs = 3;
  cases.push_back(split);
  const Attrs part{
      {"starts", Ints{1, 90}}, {"ends", Ints{60, 2}}, {"axes", Ints{0, 1}}, {"steps", Ints{2, -3}}};
  cases.push_back(large("Slice", part, {random({70, 100, 12})}));
  Attrs back = part;
  back.set("data_shape", Ints{70, 100, 12});
  cases.push_back(large("SliceGrad", back, {random({30, 30, 12})}));
  cases.push_back(
      large("Pad", {{"pads", Ints{0, 2, -3, 1, 0, 5}}, {"value", 0.5}}, {random({20, 60, 70})}));
}

void add_picks(std::vector<OpCase>& cases) {
  const std::int64_t first = 0, second = 1;
  cases.push_back(large("Gather", {{"axis", first}}, {random({50, 300}), picks({6, 70}, 50)}));
  cases.push_back(
      large("Gather", {{"axis", second}}, {random({9, 50, 30}), picks({4, 70}, 50)}, "axis_1"));
  const auto gradient = [&](std::int64_t axis, const Ints& data, const Shape& dy,
                            const Shape& indices, const char* label) {
    cases.push_back(large("GatherGrad", {{"axis", axis}, {"data_shape", data}},
                          {random(dy), picks(indices, data[static_cast<std::size_t>(axis)])},
                          label));
  };
  gradient(0, {50, 300}, {6, 70, 300}, {6, 70}, "rows");
  gradient(0, {2, 700}, {120, 700}, {120}, "two_rows");
  gradient(1, {9, 50, 30}, {9, 4, 70, 30}, {4, 70}, "axis_1");
  gradient(1, {9, 50}, {9, 500}, {500}, "single");
}

// Places named by many updates, in runs and alone.
void add_scatters(std::vector<OpCase>& cases) {
  const std::int64_t axis = 1;
  for (const char* reduction : {"add", "max", "min", "none"}) {
    const Attrs attrs{{"axis", axis}, {"reduction", std::string(reduction)}};
    cases.push_back(large("ScatterElements", attrs,
                          {random({4, 9}), picks({4, 700}, 9), random({4, 700})}, reduction));
    cases.push_back(large("ScatterND", {{"reduction", std::string(reduction)}},
                          {random({7, 12}), picks({1500, 1}, 7), random({1500, 12})}, reduction));
  }
}

// Rows longer than what is sorted or added up at once.
void add_orders(std::vector<OpCase>& cases) {
  for (const std::int64_t largest : {0, 1}) {
    const Attrs attrs{{"axis", std::int64_t{1}}, {"largest", largest}};
    OpCase top = large("TopK", attrs, {random({2, 2500, 2}), ints({900})},
                       largest == 1 ? "largest" : "smallest");
    top.outputs = 2;
    top.dtypes = {DType::kFloat32, DType::kFloat64, DType::kInt32, DType::kInt64};
    cases.push_back(top);
  }
  for (const std::int64_t turned : {0, 1}) {
    cases.push_back(large("CumSum", {{"exclusive", turned}, {"reverse", turned}},
                          {random({3, 1700, 2}), ints({1})}, turned == 1 ? "turned" : "row"));
  }
}

void add_reductions(std::vector<OpCase>& cases) {
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"}) {
    const auto add = [&](const Shape& shape, const Ints& axes, const char* label) {
      cases.push_back(
          large(op, {{"axes", axes}, {"keepdims", std::int64_t{0}}}, {random(shape)}, label));
    };
    add({3, 40000}, {1}, "row");
    add({7, 5, 11, 13}, {1, 3}, "apart");
    add({40, 9, 300}, {0}, "columns");
    add({40, 9, 300}, {0, 2}, "channels");
    add({9000, 3}, {0}, "few_columns");
    add({5, 700, 3, 2}, {1, 3}, "parts");
    add({2, 3, 20000}, {0, 1, 2}, "all");
  }
  for (const char* op : {"ArgMax", "ArgMin"}) {
    for (const std::int64_t last : {0, 1}) {
      const auto add = [&](std::int64_t axis, OpInput x, const char* label) {
        const Attrs attrs{
            {"axis", axis}, {"keepdims", std::int64_t{1}}, {"select_last_index", last}};
        cases.push_back(large(op, attrs, {std::move(x)}, label));
      };
      add(1, random({9, 200}), last == 0 ? "row" : "row_last");
      add(0, random({30, 300}), last == 0 ? "column" : "column_last");
    }
  }
}

}  // namespace

std::vector<OpCase> large_cases() {
  std::vector<OpCase> cases;
  add_moves(cases);
  add_picks(cases);
  add_scatters(cases);
  add_orders(cases);
  add_reductions(cases);
  return cases;
}

}  // namespace temper::op_suite
