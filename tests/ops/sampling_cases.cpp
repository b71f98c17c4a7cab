// Op cases: ops that sample a tensor between its elements.
#include "tests/ops/expected/sampling.h"
#include "tests/ops/families.h"
#include "tests/ops/shape_case.h"
#include "tests/ops/signal_cases.h"

namespace temper::op_suite {
namespace {

void add_resizes(std::vector<OpCase>& cases) {
  for (OpCase& one : resize_cases()) {
    cases.push_back(std::move(one));
  }
  const Attrs twice = {{"scales", std::vector<double>{1, 2}}};
  const auto repeated = pick({2, 6}, [](const Index& i) { return Index{i[0], i[1] / 2}; });
  for (const char* op : {"Resize", "Upsample"}) {
    cases.push_back(shape_case(op, twice, {small({2, 3})}, repeated));
    cases.push_back(differentiable(shape_case(op, twice, {random({2, 3})}, repeated)));
  }
  // Between whole numbers the result is the nearest one, of two the even one.
  const Attrs linear = {{"scales", std::vector<double>{2}}, {"mode", std::string("linear")}};
  OpCase whole =
      shape_case("Resize", linear, {values({3}, {0, 2, 4})}, given({6}, {0, 0, 2, 2, 4, 4}));
  whole.dtypes = {DType::kInt8, DType::kInt32, DType::kInt64, DType::kUInt8, DType::kUInt32};
  cases.push_back(whole);
  cases.push_back(differentiable(shape_case("Resize", linear, {random({0})}, given({0}, {}))));
  cases.push_back(differentiable(
      shape_case("Resize", {{"scales", std::vector<double>{}}}, {random({})}, same_elements({}))));
  // y0 = x0, y1 = 3/4 x0 + 1/4 x1, ...; dx = A^T dy
  Attrs grad = linear;
  grad.set("input_shape", Ints{2});
  cases.push_back(differentiable(
      shape_case("ResizeGrad", grad, {random({4})}, [](const std::vector<HostTensor>& dy) {
        return std::vector{HostTensor{{2},
                                      {dy[0][0] + 0.75 * dy[0][1] + 0.25 * dy[0][2],
                                       0.25 * dy[0][1] + 0.75 * dy[0][2] + dy[0][3]}}};
      })));
}

void add_grids(std::vector<OpCase>& cases) {
  for (OpCase& one : grid_sample_cases()) {
    cases.push_back(std::move(one));
  }
  // In the middle of two elements; the axis of one element has no slope.
  OpCase grad = shape_case(
      "GridSampleGrad", {{"align_corners", kOne}},
      {random({1, 1, 1, 2}), values({1, 1, 1, 2}, {0, 0}), random({1, 1, 1, 1})},
      [](const std::vector<HostTensor>& in) {
        const double dy = in[2][0];
        return std::vector{HostTensor{{1, 1, 1, 2}, {dy / 2, dy / 2}},
                           HostTensor{{1, 1, 1, 2}, {dy * (in[0][1] - in[0][0]) / 2, 0}}};
      });
  grad.outputs = 2;
  grad.dtypes = {DType::kFloat32, DType::kFloat64};
  cases.push_back(grad);
  for (const bool corners : {false, true}) {
    const auto mapped = [corners](const std::vector<HostTensor>& in) {
      return std::vector{generate({2, 2, 3, 2}, [&](const Index& i) {
        const double x = corners ? static_cast<double>(i[2]) - 1 : (2.0 * i[2] - 2) / 3;
        const double y = corners ? 2.0 * i[1] - 1 : static_cast<double>(i[1]) - 0.5;
        return at(in[0], {i[0], i[3], 0}) * x + at(in[0], {i[0], i[3], 1}) * y +
               at(in[0], {i[0], i[3], 2});
      })};
    };
    cases.push_back(
        differentiable(shape_case("AffineGrid", {{"align_corners", std::int64_t{corners}}},
                                  {random({2, 2, 3}), ints({2, 1, 2, 3})}, mapped)));
  }
  // The map that changes nothing gives the places themselves.
  cases.push_back(differentiable(
      shape_case("AffineGrid", {},
                 {values({1, 3, 4}, {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}), ints({1, 1, 1, 2, 1})},
                 given({1, 1, 2, 1, 3}, {0, -0.5, 0, 0, 0.5, 0}))));
}

void add_regions(std::vector<OpCase>& cases) {
  for (OpCase& one : roi_align_cases()) {
    cases.push_back(std::move(one));
  }
  // Cells of 2 x 2 and of 1 x 2 elements.
  const OpInput rois = values({2, 5}, {0, 0, 0, 3, 1, 0, 1, 1, 2, 1});
  const Attrs cells = {{"pooled_shape", Ints{1, 2}}};
  const auto best = [](const HostTensor& chooser, const HostTensor& from) {
    const auto greatest = [&](Ints positions) {
      std::int64_t chosen = positions[0];
      for (const std::int64_t at : positions) {
        chosen = chooser[at] > chooser[chosen] ? at : chosen;
      }
      return from[chosen];
    };
    return std::vector{
        HostTensor{{2, 1, 1, 2},
                   {greatest({0, 1, 4, 5}), greatest({2, 3, 6, 7}), greatest({5}), greatest({6})}}};
  };
  OpCase pool = differentiable(
      shape_case("MaxRoiPool", cells, {distinct({1, 1, 2, 4}), rois},
                 [best](const std::vector<HostTensor>& x) { return best(x[0], x[0]); }));
  cases.push_back(pool);
  // The value is compared in the cases above, the gradient here.
  const Attrs greatest = {{"mode", std::string("max")}, {"output_height", std::int64_t{2}}};
  cases.push_back(differentiable(
      shape_case("RoiAlign", greatest,
                 {random({1, 2, 4, 4}), values({2, 4}, {0.25, 0.5, 3.25, 2.75, 1, 1.25, 2, 4}),
                  values({2}, {0, 0}).of(DType::kInt64)},
                 [](const std::vector<HostTensor>&) { return std::vector{HostTensor{}}; })));
  cases.push_back(differentiable(
      shape_case("MaxRoiPoolAlong", cells, {random({1, 1, 2, 4}), distinct({1, 1, 2, 4}), rois},
                 [best](const std::vector<HostTensor>& x) { return best(x[1], x[0]); })));
  cases.push_back(differentiable(
      shape_case("MaxRoiPoolGrad", cells,
                 {random({2, 1, 1, 2}), values({1, 1, 2, 4}, {0, 1, 2, 3, 4, 5, 6, 7}), rois},
                 [](const std::vector<HostTensor>& x) {
                   return std::vector{HostTensor{
                       {1, 1, 2, 4}, {0, 0, 0, 0, 0, x[0][0] + x[0][2], x[0][3], x[0][1]}}};
                 })));
  // One sample in the middle of four elements.
  const Attrs one = {{"sampling_ratio", kOne}};
  const OpInput roi = values({1, 4}, {0, 0, 2, 2});
  const OpInput image = values({1}, {0}).of(DType::kInt64);
  cases.push_back(differentiable(
      shape_case("RoiAlignGrad", one, {random({1, 1, 1, 1}), random({1, 1, 2, 2}), roi, image},
                 [](const std::vector<HostTensor>& x) {
                   return std::vector{HostTensor{{1, 1, 2, 2}, std::vector(4, x[0][0] / 4)}};
                 })));
  cases.push_back(differentiable(shape_case(
      "RoiAlignAlong", one, {random({1, 1, 2, 2}), random({1, 1, 2, 2}), roi, image},
      [](const std::vector<HostTensor>& x) {
        return std::vector{HostTensor{{1, 1, 1, 1}, {(x[0][0] + x[0][1] + x[0][2] + x[0][3]) / 4}}};
      })));
}

}  // namespace

std::vector<OpCase> sampling_cases() {
  std::vector<OpCase> cases;
  add_resizes(cases);
  add_grids(cases);
  add_regions(cases);
  add_signal_cases(cases);
  return cases;
}

}  // namespace temper::op_suite
