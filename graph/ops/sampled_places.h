// GridSample written with other ops, of which its second derivative is made. What decides which
// elements a place lies between (floor, rounding, folds of a reflection) has no slope.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph {

class SampledPlaces {
 public:
  SampledPlaces(Builder& builder, const Attrs& attrs, ValueId x, ValueId grid)
      : b_(builder),
        mode_(attrs.get_string("mode", "linear")),
        padding_(attrs.get_string("padding_mode", "zeros")),
        corners_(attrs.get_int("align_corners", 0) != 0),
        x_(x),
        shape_(builder.shape(x)),
        dtype_(builder.dtype(x)) {
    const Shape places = b_.shape(grid);
    y_shape_ = {shape_[0], shape_[1]};
    for (int i = 1; i + 1 < places.rank(); ++i) {
      y_shape_.push_back(places[i]);
    }
    count_ = places.count(1, places.rank() - 1);
    grid_ = b_.reshape(grid, {shape_[0], count_, places[places.rank() - 1]});
  }

  // The sum over the elements around each place of their values times their weights.
  ValueId sampled() {
    const int dims = shape_.rank() - 2;
    std::vector<std::vector<Tap>> taps;
    std::size_t combinations = 1;
    for (int i = 0; i < dims; ++i) {
      taps.push_back(taps_of(i));
      combinations *= taps.back().size();
    }
    ValueId sum;
    for (std::size_t combination = 0; combination < combinations; ++combination) {
      ValueId weight, offset;
      std::size_t rest = combination;
      for (int i = dims - 1; i >= 0; --i) {
        const std::vector<Tap>& axis = taps[static_cast<std::size_t>(i)];
        const Tap& tap = axis[rest % axis.size()];
        rest /= axis.size();
        weight = weight.valid() ? b_.mul(weight, tap.weight) : tap.weight;
        offset = offset.valid() ? b_.add(offset, tap.offset) : tap.offset;
      }
      const ValueId part = b_.mul(picked(offset), b_.reshape(weight, {shape_[0], 1, count_}));
      sum = sum.valid() ? b_.add(sum, part) : part;
    }
    return b_.reshape(sum, y_shape_);
  }

 private:
  // One element of an axis for each place [N, places]: where it stands, in elements of x[n, c], and
  // its weight, 0 outside.
  struct Tap {
    ValueId offset, weight;
  };

  ValueId number(double value) { return b_.scalar(dtype_, value); }
  ValueId where(ValueId condition, ValueId yes, ValueId no) {
    return b_.op("Where", {condition, yes, no});
  }
  ValueId within(ValueId place, double low, double high) {
    return b_.op("And", {b_.op("GreaterOrEqual", {place, number(low)}),
                         b_.op("LessOrEqual", {place, number(high)})});
  }
  ValueId clipped(ValueId place, double low, double high) {
    return b_.op("Clip", {place}, {{"min", low}, {"max", high}});
  }

  // x[n, c] at the elements [N, places].
  ValueId picked(ValueId offset) {
    const ValueId rows = b_.reshape(x_, {shape_[0], shape_[1], shape_.count(2, shape_.rank())});
    const ValueId indices =
        b_.expand(b_.reshape(offset, {shape_[0], 1, count_}), {shape_[0], shape_[1], count_});
    return b_.op("GatherElements", {rows, indices}, {{"axis", std::int64_t{2}}});
  }

  // The numbers of an axis, from -1 to 1, as places among its elements.
  ValueId place_of(int axis, double length) {
    const std::int64_t at = shape_.rank() - 3 - axis;
    const ValueId numbers = b_.reshape(b_.slice(grid_, 2, at, at + 1), {shape_[0], count_});
    const double factor = corners_ ? (length - 1) / 2 : length / 2;
    const ValueId place = b_.add(b_.scale(numbers, factor), number((length - 1) / 2));
    const ValueId is_place = b_.op("Less", {b_.op("Abs", {place}), number(0x1p31)});
    const ValueId known = where(is_place, place, number(-100));
    return mode_ == "nearest" ? b_.op("Round", {known}) : known;
  }

  // Folded back between low and high.
  ValueId reflected(ValueId place, double low, double high) {
    if (high <= low) {
      return b_.add(b_.scale(place, 0), number(low));
    }
    const ValueId below = b_.op("Less", {place, number(low)});
    const ValueId beyond = where(below, b_.sub(number(low), place), b_.sub(place, number(high)));
    const ValueId folds = b_.op("Floor", {b_.div(beyond, number(high - low))});
    const ValueId rest = b_.sub(beyond, b_.mul(folds, number(high - low)));
    const ValueId half = b_.scale(folds, 0.5);
    const ValueId even = b_.op("Equal", {half, b_.op("Floor", {half})});
    const ValueId from_low = b_.op("Not", {b_.op("Xor", {below, even})});
    const ValueId folded = where(from_low, b_.add(number(low), rest), b_.sub(number(high), rest));
    return where(within(place, low, high), place, folded);
  }

  std::vector<Tap> taps_of(int axis) {
    const std::int64_t length = shape_[axis + 2];
    const auto end = static_cast<double>(length - 1);
    const double low = corners_ ? 0 : -0.5, high = corners_ ? end : end + 0.5;
    ValueId place = place_of(axis, static_cast<double>(length));
    if (padding_ == "border" && mode_ != "cubic") {
      place = where(within(place, low, high), place, clipped(place, 0, end));
    } else if (padding_ == "reflection") {
      place = reflected(place, low, high);
    }
    const ValueId left = b_.op("Floor", {place});
    const std::int64_t stride = shape_.count(axis + 3, shape_.rank());
    std::vector<Tap> taps;
    const std::vector<ValueId> weights = weights_of(b_.sub(place, left));
    for (std::size_t t = 0; t < weights.size(); ++t) {
      const double first = weights.size() == 4 ? -1 : 0;
      ValueId at = b_.add(left, number(first + static_cast<double>(t)));
      ValueId weight = weights[t];
      if (padding_ == "zeros") {
        weight = where(within(at, 0, end), weight, number(0));
      } else if (padding_ == "reflection") {
        at = reflected(at, low, high);
      }
      const ValueId element = b_.cast(clipped(at, 0, end), DType::kInt64);
      taps.push_back(
          {b_.mul(element, b_.scalar(DType::kInt64, static_cast<double>(stride))), weight});
    }
    return taps;
  }

  // Of the elements around a place that is `part` behind one, in order.
  std::vector<ValueId> weights_of(ValueId part) {
    const ValueId one = number(1);
    if (mode_ == "nearest") {
      return {b_.expand(one, {shape_[0], count_})};
    }
    const ValueId before = b_.sub(one, part);
    if (mode_ == "linear") {
      return {before, part};
    }
    return {far(b_.add(part, one)), near(part), near(before), far(b_.add(before, one))};
  }

  // Keys, "Cubic convolution interpolation for digital image processing", with a = -3/4: up to 1
  // away and from 1 to 2.
  static constexpr double kA = -0.75;
  ValueId near(ValueId d) {
    const ValueId inner = b_.sub(b_.scale(d, kA + 2), number(kA + 3));
    return b_.add(b_.mul(b_.mul(inner, d), d), number(1));
  }
  ValueId far(ValueId d) {
    const ValueId inner = b_.sub(b_.scale(d, kA), number(5 * kA));
    return b_.sub(b_.mul(b_.add(b_.mul(inner, d), number(8 * kA)), d), number(4 * kA));
  }

  Builder& b_;
  const std::string mode_, padding_;
  const bool corners_;
  ValueId x_, grid_;
  const Shape shape_;
  const DType dtype_;
  Shape y_shape_;
  std::int64_t count_ = 0;
};

}  // namespace temper::graph
