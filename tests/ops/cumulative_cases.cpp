// Cases of CumSum and CumProd.
#include <numeric>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/reduction_cases.h"

namespace temper::op_suite {
namespace {

using Index = std::vector<std::int64_t>;

ClosedForm cumulative(int axis, bool product, bool exclusive, bool reverse) {
  return [=](const std::vector<HostTensor>& in) {
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      const auto here = static_cast<std::size_t>(axis);
      double total = product ? 1 : 0;
      Index other = i;
      for (other[here] = 0; other[here] < in[0].shape[axis]; ++other[here]) {
        const bool before = reverse ? other[here] > i[here] : other[here] < i[here];
        if (before || (!exclusive && other[here] == i[here])) {
          total = product ? total * at(in[0], other) : total + at(in[0], other);
        }
      }
      return total;
    })};
  };
}

OpInput axis_input(std::int64_t axis) {
  return values({}, {static_cast<double>(axis)}).of(DType::kInt64).constant();
}

}  // namespace

void add_cumulative_cases(std::vector<OpCase>& cases) {
  const std::vector<DType> integers = {DType::kInt32, DType::kInt64, DType::kUInt32,
                                       DType::kUInt64};
  for (const bool product : {false, true}) {
    const std::string op = product ? "CumProd" : "CumSum";
    for (const int flags : {0, 1, 2, 3}) {
      const bool exclusive = (flags & 1) != 0, reverse = (flags & 2) != 0;
      const Attrs attrs{{"exclusive", std::int64_t{exclusive}}, {"reverse", std::int64_t{reverse}}};
      for (const auto& [shape, axis] : std::vector<std::pair<Shape, int>>{
               {{2, 5, 3}, 1}, {{2, 5, 3}, 0}, {{3, 4}, 1}, {{7}, 0}, {{1}, 0}, {{2, 0}, 1}}) {
        cases.push_back({.op = op,
                         .attrs = attrs,
                         .inputs = {random(shape), axis_input(axis - shape.rank())},
                         .differentiate = {0},
                         .expected = cumulative(axis, product, exclusive, reverse),
                         .label = concat("axis", axis)});
      }
      cases.push_back({.op = op,
                       .attrs = attrs,
                       .inputs = {values({2, 4}, {1, 0, 3, 2, 4, 0, 2, 0}), ints({1})},
                       .differentiate = {0},
                       .expected = cumulative(1, product, exclusive, reverse),
                       .label = "zeros"});
      cases.push_back({.op = op,
                       .attrs = attrs,
                       .inputs = {values({2, 4}, {1, 5, 3, 2, 4, 1, 2, 6}), ints({1})},
                       .expected = cumulative(1, product, exclusive, reverse),
                       .dtypes = integers,
                       .label = "integers"});
    }
  }
}

}  // namespace temper::op_suite
