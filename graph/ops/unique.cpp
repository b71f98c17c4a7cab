// NonZero: the indices of the elements that are not 0, one row per axis. Unique: the distinct
// elements, or slices along an axis, sorted or in the order of their first appearance, with the
// places of the first ones, the place of each in the output, and how often each stands. How many
// there are must be known when the graph is compiled, so the inputs must be constants; the answers
// go to attributes.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

const Tensor& known_input(const InferContext& c) {
  const Tensor* known = c.constant(0);
  TEMPER_CHECK(known != nullptr, ErrorCode::kUnsupported, "the input of ", c.node().op->name(),
               " is computed from data, and so is the shape of its output; only values known when "
               "the graph is compiled are supported");
  return *known;
}

void infer_non_zero(InferContext& c) {
  if (c.has_input(0)) {
    const Tensor& input = known_input(c);
    const std::vector<double> numbers = input.values<double>();
    Ints found;
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (numbers[i] != 0) {
        found.push_back(static_cast<std::int64_t>(i));
      }
    }
    const Shape strides = row_major_strides(input.shape());
    Ints rows;
    for (int axis = 0; axis < input.shape().rank(); ++axis) {
      for (const std::int64_t at : found) {
        rows.push_back(at / strides[axis] % input.shape()[axis]);
      }
    }
    c.attrs().set("value", rows);
    c.attrs().set("shape", Ints{input.shape().rank(), static_cast<std::int64_t>(found.size())});
    c.drop_input(0);
  }
  const Ints shape = c.attrs().get_ints("shape");
  const Ints rows = c.attrs().get_ints("value");
  c.check(shape.size() == 2 && shape[0] >= 0 && shape[0] <= kMaxRank && shape[1] >= 0 &&
              shape[1] <= static_cast<std::int64_t>(rows.size()) + (shape[0] == 0 ? 1 : 0) &&
              shape[0] * shape[1] == static_cast<std::int64_t>(rows.size()),
          "input 0 is missing");
  c.set_output(0, DType::kInt64, Shape(shape));
}

// Slice i of the input, as numbers in an order that compares as the elements do.
class Slices {
 public:
  // `axis` -1: each element for itself.
  Slices(const Tensor& input, int axis) {
    const Shape& shape = input.shape();
    outer_ = axis < 0 ? 1 : shape.count(0, axis);
    count = axis < 0 ? shape.element_count() : shape[axis];
    inner_ = axis < 0 ? 1 : shape.count(axis + 1, shape.rank());
    if (is_float(input.dtype())) {
      floats_ = input.values<double>();
    } else {
      integers_ = input.values<std::int64_t>();
      for (std::int64_t& integer : integers_) {
        integer = input.dtype() == DType::kUInt64 ? integer ^ INT64_MIN : integer;
      }
    }
  }

  // -1, 0 or 1: whether slice a comes before b, is equal, comes behind. NaN is the largest.
  int compare(std::int64_t a, std::int64_t b) const {
    for (std::int64_t o = 0; o < outer_; ++o) {
      for (std::int64_t i = 0; i < inner_; ++i) {
        const auto left = static_cast<std::size_t>((o * count + a) * inner_ + i);
        const auto right = static_cast<std::size_t>((o * count + b) * inner_ + i);
        const int order = floats_.empty() ? three_way(integers_[left], integers_[right])
                                          : three_way(floats_[left], floats_[right]);
        if (order != 0) {
          return order;
        }
      }
    }
    return 0;
  }

  std::int64_t count = 0;

 private:
  template <class T>
  static int three_way(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(a) || std::isnan(b)) {
        return static_cast<int>(std::isnan(a)) - static_cast<int>(std::isnan(b));
      }
    }
    return static_cast<int>(a > b) - static_cast<int>(a < b);
  }

  std::int64_t outer_ = 1, inner_ = 1;
  std::vector<double> floats_;
  Ints integers_;
};

void take_unique(InferContext& c, const Slices& slices) {
  const auto count = static_cast<std::size_t>(slices.count);
  Ints order(count);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::int64_t a, std::int64_t b) { return slices.compare(a, b) < 0; });
  Ints first, group(count);
  for (std::size_t i = 0; i < count; ++i) {
    if (i == 0 || slices.compare(order[i - 1], order[i]) != 0) {
      first.push_back(order[i]);
    }
    group[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(first.size()) - 1;
  }
  Ints place(first.size());  // of each group in the output
  std::iota(place.begin(), place.end(), 0);
  if (c.attrs().get_int("sorted", 1) == 0) {
    Ints by_appearance = place;
    std::sort(by_appearance.begin(), by_appearance.end(), [&](std::int64_t a, std::int64_t b) {
      return first[static_cast<std::size_t>(a)] < first[static_cast<std::size_t>(b)];
    });
    for (std::size_t i = 0; i < by_appearance.size(); ++i) {
      place[static_cast<std::size_t>(by_appearance[i])] = static_cast<std::int64_t>(i);
    }
    std::sort(first.begin(), first.end());
  }
  Ints counts(first.size(), 0);
  for (std::int64_t& one : group) {
    one = place[static_cast<std::size_t>(one)];
    ++counts[static_cast<std::size_t>(one)];
  }
  c.attrs().set("indices", first);
  c.attrs().set("inverse", group);
  c.attrs().set("counts", counts);
}

void infer_unique(InferContext& c) {
  const Tensor& input = known_input(c);
  Shape output{0};
  int axis = -1;
  if (c.attrs().has("axis")) {
    output = input.shape();
    c.check(output.rank() > 0, "Unique of a scalar along an axis");
    axis = static_cast<int>(c.axis("axis", 0, output.rank()));
  }
  const Slices slices(input, axis);
  take_unique(c, slices);
  const auto found = static_cast<std::int64_t>(c.attrs().get_ints("indices").size());
  output[std::max(axis, 0)] = found;
  c.set_output(0, input.dtype(), output);
  c.set_output(1, DType::kInt64, {found});
  c.set_output(2, DType::kInt64, {slices.count});
  c.set_output(3, DType::kInt64, {found});
}

}  // namespace

void register_unique(OpRegistry& ops) {
  ops.add("NonZero").absorbs({0}).infer(infer_non_zero).no_gradient("integer output");
  ops.add("Unique")
      .outputs(1, 4)
      .absorbs({0})
      .infer(infer_unique)
      .no_gradient("its input is a constant");
}

}  // namespace temper::graph
