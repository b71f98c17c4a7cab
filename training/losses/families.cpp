// What the formulas of the losses share: reduction, weights, class indices as masks.
#include "training/losses/families.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/error.h"

namespace temper::training {

using graph::Builder;
using graph::ValueId;

namespace {

std::vector<std::int64_t> all_axes(const Shape& shape) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(shape.rank()));
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  return axes;
}

// Class indices [N, d...] with 0 for those that do not count, and which do (bool).
struct CountedTargets {
  ValueId index, counted;
};

CountedTargets counted_targets(const LossInputs& in) {
  Builder& b = in.builder;
  const DType dtype = b.dtype(in.target);
  const auto ignored_index = static_cast<double>(in.parameters.get_int("ignore_index", -100));
  const ValueId ignored = b.op("Equal", {in.target, b.scalar(dtype, ignored_index)});
  return {b.op("Where", {ignored, b.scalar(dtype, 0), in.target}), b.op("Not", {ignored})};
}

std::string check_reduction(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "mean" || text == "sum" ? "" : "must be \"mean\" or \"sum\"";
}

std::string check_batch_reduction(const AttrValue& value) {
  const auto& text = std::get<std::string>(value);
  return text == "mean" || text == "sum" || text == "batchmean"
             ? ""
             : "must be \"mean\", \"sum\" or \"batchmean\"";
}

}  // namespace

ParameterSpec reduction_spec(bool batchmean) {
  return {"reduction", std::string("mean"),
          batchmean
              ? "mean over all elements, sum, or batchmean (the sum divided by the batch: the "
                "divergence itself)"
              : "mean or sum over all elements of the batch; of a whole set, likewise",
          batchmean ? check_batch_reduction : check_reduction};
}

ParameterSpec number_spec(std::string name, double fallback, std::string help,
                          std::string (*check)(const AttrValue&)) {
  return {std::move(name), fallback, std::move(help), check};
}

ParameterSpec list_spec(std::string name, std::string help) {
  return {std::move(name), std::vector<double>{}, std::move(help), require_not_negative};
}

ParameterSpec switch_spec(std::string name, bool fallback, std::string help) {
  return {std::move(name), std::int64_t{fallback}, std::move(help), nullptr, true};
}

ParameterSpec ignore_index_spec() {
  return {"ignore_index", std::int64_t{-100}, "targets with this value do not count", nullptr};
}

ParameterSpec class_axis_spec() {
  return {"class_axis", std::int64_t{0},
          "axis of the output that holds the classes: 1 as in PyTorch, -1 for [N, ..., C] as "
          "language models give it, 0: as the target's shape says",
          [](const AttrValue& value) -> std::string {
            const std::int64_t axis = std::get<std::int64_t>(value);
            return axis >= -1 && axis <= 1 ? "" : "must be 1, -1 or 0";
          }};
}

ValueId sum_all(Builder& b, ValueId value) {
  const Shape shape = b.shape(value);
  return shape.rank() == 0 ? value : b.reduce_sum(value, all_axes(shape), false);
}

ValueId mean_over(Builder& b, ValueId value, std::vector<std::int64_t> axes) {
  return axes.empty() ? value
                      : b.op("ReduceMean", {value},
                             {{"axes", std::move(axes)}, {"keepdims", std::int64_t{0}}});
}

ValueId weigh_samples(const LossInputs& in, ValueId elements) {
  Builder& b = in.builder;
  const Shape shape = b.shape(elements);
  if (in.there.valid()) {
    TEMPER_CHECK(b.shape(in.there) == shape, ErrorCode::kUnsupported, "this loss has the elements ",
                 shape, " for a target ", b.shape(in.there),
                 ": of samples that differ in length it cannot leave out what was filled up");
    elements = b.op("Where", {in.there, elements, b.scalar(b.dtype(elements), 0)});
  }
  if (!in.sample_weight.valid()) {
    return elements;
  }
  const Shape weight = b.shape(in.sample_weight);
  TEMPER_CHECK(shape.rank() >= 1 && shape[0] == weight[0], ErrorCode::kInvalidArgument,
               "loss.sample_weight has ", weight[0], " numbers for a loss of the elements ", shape);
  Shape broadcast{weight[0]};
  for (int axis = 1; axis < shape.rank(); ++axis) {
    broadcast.push_back(1);
  }
  return b.mul(elements, b.reshape(in.sample_weight, broadcast));
}

LossSums reduce_loss(const LossInputs& in, ValueId elements) {
  Builder& b = in.builder;
  const Shape shape = b.shape(elements);
  const ValueId sum = sum_all(b, weigh_samples(in, elements));
  if (in.there.valid()) {
    TEMPER_CHECK(in.parameters.get_string("reduction", "mean") != "batchmean",
                 ErrorCode::kUnsupported,
                 "loss.reduction = \"batchmean\" divides by samples, "
                 "whatever their lengths; write \"mean\" or \"sum\"");
    return {sum, sum_all(b, b.cast(in.there, b.dtype(sum))),
            static_cast<double>(shape.element_count())};
  }
  const bool rows = in.parameters.get_string("reduction", "mean") == "batchmean";
  return sums_of_all(
      b, sum, static_cast<double>(rows && shape.rank() > 0 ? shape[0] : shape.element_count()));
}

LossSums reduce_counted(const LossInputs& in, ValueId elements, bool class_weights) {
  Builder& b = in.builder;
  const DType dtype = b.dtype(in.output());
  const auto places = static_cast<double>(b.shape(in.target).element_count());
  const LossSums all = sums_of_all(b, sum_all(b, weigh_samples(in, elements)), places);
  const std::vector<double> weight =
      class_weights ? in.parameters.get_doubles("weight") : std::vector<double>{};
  if (in.all_count && weight.empty()) {
    return all;
  }
  const CountedTargets targets = counted_targets(in);
  ValueId counts = b.cast(targets.counted, dtype);
  if (!weight.empty()) {
    const Shape classes{b.shape(in.output())[1]};
    const ValueId each = b.expand(b.reshape(list_along(in, "weight", in.output(), 1),
                                            {static_cast<std::int64_t>(weight.size())}),
                                  classes);
    counts = b.mul(counts, b.op("Gather", {each, targets.index}, {{"axis", std::int64_t{0}}}));
  }
  return {all.sum, sum_all(b, counts), places};
}

ValueId list_along(const LossInputs& in, const char* name, ValueId like, int axis) {
  const std::vector<double> numbers = in.parameters.get_doubles(name);
  if (numbers.empty()) {
    return {};
  }
  Builder& b = in.builder;
  const Shape shape = b.shape(like);
  const auto count = static_cast<std::int64_t>(numbers.size());
  TEMPER_CHECK(count == 1 || (axis < shape.rank() && axis >= 0 && count == shape[axis]),
               ErrorCode::kInvalidArgument, "loss.", name, " has ", count, " numbers, the model's ",
               "output ", shape,
               axis < shape.rank() && axis >= 0 ? concat(" has ", shape[axis]) : "",
               "; give one number, or one for each");
  Shape broadcast;
  for (int a = 0; a < std::max(shape.rank(), 1); ++a) {
    broadcast.push_back(a == axis ? count : 1);
  }
  return b.graph().add_constant({}, Tensor::from<double>(b.dtype(like), broadcast, numbers));
}

bool has_class_target(const LossInputs& in) {
  return in.builder.dtype(in.target) == DType::kInt64 ||
         in.builder.dtype(in.target) == DType::kInt32;
}

ClassMask class_mask(const LossInputs& in) {
  Builder& b = in.builder;
  const Shape output = b.shape(in.output());
  const DType dtype = b.dtype(in.output());
  const CountedTargets targets = counted_targets(in);
  const ValueId values =
      b.graph().add_constant({}, Tensor::from<double>(dtype, {2}, std::vector<double>{0, 1}));
  const ValueId hot = b.op(
      "OneHot", {targets.index, b.scalar(DType::kInt64, static_cast<double>(output[1])), values},
      {{"axis", std::int64_t{1}}});
  Shape along = b.shape(in.target);
  Shape broadcast{along[0], 1};
  for (int axis = 1; axis < along.rank(); ++axis) {
    broadcast.push_back(along[axis]);
  }
  return {b.mul(hot, b.cast(b.reshape(targets.counted, broadcast), dtype)), targets.counted};
}

ValueId at_least(Builder& b, ValueId a, double number) {
  return b.op("Max", {a, b.scalar(b.dtype(a), number)});
}

ValueId absolute(Builder& b, ValueId a) { return b.op("Abs", {a}); }

ValueId stop_gradient(Builder& b, ValueId a) { return b.op("StopGradient", {a}); }

ValueId complement(Builder& b, ValueId a) { return b.sub(b.scalar(b.dtype(a), 1), a); }

}  // namespace temper::training
