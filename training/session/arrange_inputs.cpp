// The inputs of an imported graph in the form with the samples first, and those with a value as
// constants.
#include <algorithm>
#include <utility>

#include "graph/passes/batch_first.h"
#include "runtime/base/error.h"
#include "training/formats/npy.h"
#include "training/session/input_layout.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Value;
using graph::ValueId;
using Kind = InputPlace::Kind;

// What a sample has of an input whose samples lie along dimension `axis`; -1: all of it.
Shape shape_of_value(const Value& input, int axis, const char* how) {
  Shape shape;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    const bool batch = static_cast<int>(i) == axis;
    TEMPER_CHECK(batch || input.dims[i].value >= 0, ErrorCode::kInvalidArgument, "the input '",
                 input.name, "' cannot be ", how, ": its dimension ", i, " ('",
                 input.dims[i].symbol, "') is open; let the data give it");
    shape.push_back(batch ? 1 : input.dims[i].value);
  }
  return shape;
}

Tensor numbers_of(const InputSettings& said) {
  if (!said.value_file.empty()) {
    return read_npy(said.value_file);
  }
  return Tensor::from<double>(DType::kFloat64, {static_cast<std::int64_t>(said.value.size())},
                              said.value);
}

// One number stays one: whoever takes it broadcasts.
Tensor value_of(const InputSettings& said, DType dtype, const Shape& shape, bool of_sample) {
  const std::vector<double> numbers = numbers_of(said).values<double>();
  const std::int64_t wanted = shape.element_count();
  const auto given = static_cast<std::int64_t>(numbers.size());
  TEMPER_CHECK(given == 1 || given == wanted, ErrorCode::kInvalidArgument, "model.input.",
               said.name, ".value has ", given, " numbers; the input ",
               of_sample ? "of a sample " : "", "is ", shape, ": give one, or ", wanted);
  Shape own = shape;
  for (int i = 0; given == 1 && i < own.rank(); ++i) {
    own[i] = 1;
  }
  return Tensor::from<double>(dtype, own, numbers);
}

// The same with all its elements.
Tensor whole_value_of(const InputSettings& said, DType dtype, const Shape& shape) {
  constexpr std::int64_t kMost = std::int64_t{1} << 26;
  const Tensor value = value_of(said, dtype, shape, false);
  if (value.shape() == shape) {
    return value;
  }
  TEMPER_CHECK(shape.element_count() <= kMost, ErrorCode::kInvalidArgument, "model.input.",
               said.name, ".value: the input is ", shape, ", too large for one number");
  const std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()),
                                    value.values<double>().front());
  return Tensor::from<double>(dtype, shape, numbers);
}

// An input that the batch's size can be asked of.
ValueId with_batch(const Graph& graph, const std::vector<ValueId>& fixed, const std::string& name) {
  for (const ValueId id : graph.inputs) {
    if (std::find(fixed.begin(), fixed.end(), id) == fixed.end()) {
      return id;
    }
  }
  fail(ErrorCode::kInvalidArgument, "model.input.", name,
       ".value: then no input is left that the data give");
}

// The input was exported for so many samples, which then goes for the whole file: whoever makes the
// model for others follows them through its operators.
void keep_fixed_batch(Graph& graph, const graph::Dim& batch, ValueId like) {
  graph::Dim& first = graph.value(like).dims.front();
  first = batch.value >= 0 && first.value < 0 ? batch : first;
}

// Their numbers count the carried states in the order of the file.
void give_carried_ports(Graph& graph, const std::vector<ValueId>& inputs,
                        const InputLayout& layout) {
  int index = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!layout.places[i].carry.empty()) {
      const Value& value = graph.value(inputs[i]);
      shape_of_value(value, 0, "carried");
      keep_fixed_batch(graph, value.dims.front(), with_batch(graph, {inputs[i]}, value.name));
      graph.value(inputs[i]).port = {graph::PortRole::kCarriedState, index++};
    }
  }
}

}  // namespace

Tensor initial_state(const Graph& graph, ValueId input, const ModelSettings& settings) {
  const Value& value = graph.value(input);
  const auto said =
      std::find_if(settings.inputs.begin(), settings.inputs.end(),
                   [&](const InputSettings& each) { return each.name == value.name; });
  if (said != settings.inputs.end() && said->has_value()) {
    return value_of(*said, value.dtype, shape_of_value(value, 0, "given a value"), true);
  }
  const double zero = 0;
  Shape one;
  while (one.rank() < static_cast<int>(value.dims.size())) {
    one.push_back(1);
  }
  return Tensor::from<double>(value.dtype, one, {&zero, 1});
}

void arrange_inputs(Graph& graph, const InputLayout& layout, const ModelSettings& settings) {
  std::vector<ValueId> fixed;
  std::vector<std::pair<const InputSettings*, int>> said;
  const std::vector<ValueId> inputs = graph.inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const InputPlace& place = layout.places[i];
    if (place.has_value && place.carry.empty()) {
      const auto found =
          std::find_if(settings.inputs.begin(), settings.inputs.end(),
                       [&](const InputSettings& each) { return each.name == place.name; });
      fixed.push_back(inputs[i]);
      said.emplace_back(&*found, place.kind == Kind::kAxis ? place.axis : -1);
    } else if (place.kind == Kind::kSample) {
      graph::add_batch_of_one(graph, inputs[i]);
    } else if (place.kind == Kind::kAxis && place.axis > 0) {
      graph::move_batch_first(graph, inputs[i], place.axis);
    }
  }
  give_carried_ports(graph, inputs, layout);
  for (std::size_t i = 0; i < fixed.size(); ++i) {
    const auto& [own, axis] = said[i];
    const DType dtype = graph.value(fixed[i]).dtype;
    const Shape shape = shape_of_value(graph.value(fixed[i]), axis, "given a value");
    if (axis < 0) {
      graph::fix_input(graph, fixed[i], whole_value_of(*own, dtype, shape));
    } else {
      const ValueId like = with_batch(graph, fixed, own->name);
      keep_fixed_batch(graph, graph.value(fixed[i]).dims[static_cast<std::size_t>(axis)], like);
      graph::fix_input(graph, fixed[i], value_of(*own, dtype, shape, true), shape, axis, like);
    }
  }
}

void give_zeros(Graph& graph, ValueId input) {
  const ValueId like = with_batch(graph, {input}, graph.value(input).name);
  const Value& value = graph.value(input);
  const Shape shape = shape_of_value(value, 0, "zeros");
  keep_fixed_batch(graph, value.dims.front(), like);
  Shape one = shape;
  for (int i = 0; i < one.rank(); ++i) {
    one[i] = 1;
  }
  const double zero = 0;
  Tensor value_of_all = Tensor::from<double>(value.dtype, one, {&zero, 1});
  graph::fix_input(graph, input, std::move(value_of_all), shape, 0, like);
}

}  // namespace temper::training
