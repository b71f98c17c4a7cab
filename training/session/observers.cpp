#include "training/session/observers.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "graph/ir/op_def.h"
#include "graph/ops/observed_rounding.h"
#include "runtime/base/error.h"
#include "training/settings/name_pattern.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::RoundedTensor;

// The stored tensor behind a value: a variable's, or a constant's.
const std::string& tensor_name(const Graph& graph, graph::ValueId id) {
  const graph::Value& value = graph.value(id);
  return value.variable.valid() ? graph.variable(value.variable).name : value.name;
}

graph::VariableId add_range_end(Graph& graph, const std::string& name) {
  graph::Variable end;
  end.name = name;
  end.identity.kind = graph::VariableKind::kStatistic;
  end.shape = Shape{};
  end.why = "a range of [quantize]";
  return graph.add_variable(std::move(end));
}

Attrs attributes_of(const RoundedTensor& tensor, const QuantizeSettings& settings) {
  const bool observes = settings.observers == "moving" && tensor.name == tensor.range;
  return {{"quantized", std::string(to_string(tensor.type))},
          {"least", tensor.integers.low},
          {"most", tensor.integers.high},
          {"symmetric", std::int64_t{tensor.symmetric}},
          {"axis", std::int64_t{tensor.axis}},
          {"averaging", observes ? settings.averaging_constant : 0.0}};
}

Tensor one_number(double value) {
  return Tensor::from<float>(DType::kFloat32, Shape{}, std::vector{static_cast<float>(value)});
}

void begin_with(Graph& graph, graph::VariableId id, Tensor value) {
  graph::Variable& variable = graph.variable(id);
  TEMPER_ASSERT(value.shape() == variable.shape, variable.name);
  variable.initial = std::move(value);
  variable.stored = {};
}

}  // namespace

graph::RoundedModel round_model(const graph::OnnxModel& model, const QuantizeSettings& settings) {
  const auto used = std::make_unique<std::set<std::string>>();
  graph::RoundingOptions options;
  options.plan.skip_option = "quantize.skip";
  options.plan.per_channel = settings.per_channel;
  options.plan.symmetric = settings.activations == "symmetric";
  options.activations = settings.activations == "uint8" ? DType::kUInt8 : DType::kInt8;
  options.weights = settings.bits == 4 ? DType::kInt4 : DType::kInt8;
  if (!settings.skip.empty()) {
    options.plan.skip = [&settings, seen = used.get()](std::string_view name) {
      for (const std::string& pattern : settings.skip) {
        const std::string_view text(pattern);
        if (matches_pattern(text.starts_with('!') ? text.substr(1) : text, name)) {
          seen->insert(pattern);
        }
      }
      return is_chosen(settings.skip, name);
    };
  }
  graph::RoundedModel rounded = graph::round_for_training(model, options);
  for (const std::string& pattern : settings.skip) {
    TEMPER_CHECK(used->contains(pattern), ErrorCode::kInvalidArgument,
                 "quantize.skip: the pattern \"", pattern, "\" matches no layer: temper inspect ",
                 model.path(), " lists their names");
  }
  return rounded;
}

std::set<std::string> learnt_scales(const graph::RoundedModel& rounded,
                                    const QuantizeSettings& settings) {
  std::set<std::string> scales;
  for (const RoundedTensor& tensor : rounded.tensors) {
    if (settings.is_learned()) {
      scales.insert(tensor.learnt);
    }
  }
  return scales;
}

void add_observers(Graph& imported, const graph::RoundedModel& rounded,
                   const QuantizeSettings& settings) {
  std::map<std::string, const RoundedTensor*> by_scale;
  for (const RoundedTensor& tensor : rounded.tensors) {
    by_scale[tensor.scale] = &tensor;
  }
  std::map<std::string, graph::RoundingState> ranges;
  std::size_t count = 0;
  for (int i = 0; i < imported.node_count(); ++i) {
    const graph::NodeId id{i};
    const graph::Node& node = imported.node(id);
    const bool has_scale = !node.removed && node.inputs.size() > 1 && node.inputs[1].valid();
    const auto found =
        has_scale ? by_scale.find(tensor_name(imported, node.inputs[1])) : by_scale.end();
    if (found == by_scale.end()) {
      continue;
    }
    if (node.op->movement == graph::Movement::kRound) {  // what undoes it rounds for itself
      imported.remove_node(id);
      continue;
    }
    const RoundedTensor& tensor = *found->second;
    graph::RoundingState state;
    if (!tensor.is_weight()) {
      const auto [range, is_new] = ranges.try_emplace(tensor.range);
      if (is_new) {
        range->second.low = add_range_end(imported, tensor.low());
        range->second.high = add_range_end(imported, tensor.high());
      }
      state = range->second;
    }
    if (settings.is_learned()) {
      state.scale = imported.find_variable(tensor.learnt);
      TEMPER_ASSERT(state.scale.valid(), tensor.learnt);
      imported.variable(state.scale).trainable = true;
      imported.variable(state.scale).why = "a scale of [quantize]";
    }
    graph::observe_rounding(imported, id, state, attributes_of(tensor, settings));
    ++count;
  }
  TEMPER_ASSERT(count == rounded.tensors.size(), count, " of ", rounded.tensors.size());
}

void set_ranges(Graph& imported, const graph::RoundedModel& rounded,
                const QuantizeSettings& settings,
                const std::map<std::string, graph::ValueRange>& ranges) {
  for (const RoundedTensor& tensor : rounded.tensors) {
    std::vector<float> scales;
    if (tensor.is_weight()) {
      if (settings.is_learned()) {
        const graph::VariableId weight = imported.find_variable(tensor.name);
        scales = graph::weight_quantization(initial_value(imported.variable(weight)), tensor.type,
                                            tensor.axis)
                     .scales;
      }
    } else {
      const graph::ValueRange& range = ranges.at(tensor.range);
      begin_with(imported, imported.find_variable(tensor.low()), one_number(range.low));
      begin_with(imported, imported.find_variable(tensor.high()), one_number(range.high));
      scales = graph::quantization_of_range(tensor, static_cast<float>(range.low),
                                            static_cast<float>(range.high))
                   .scales;
    }
    if (settings.is_learned() && tensor.learnt == tensor.scale) {
      const graph::VariableId scale = imported.find_variable(tensor.scale);
      begin_with(imported, scale,
                 Tensor::from<float>(DType::kFloat32, imported.variable(scale).shape, scales));
    }
  }
}

void add_scale_group(CompileSettings& settings, const graph::RoundedModel& rounded,
                     const Recipe& recipe) {
  const std::set<std::string> scales = learnt_scales(rounded, recipe.quantize);
  if (scales.empty()) {
    return;
  }
  OptimizerGroup group;
  group.match = "the scales of [quantize]";
  group.tensors.assign(scales.begin(), scales.end());
  const Attrs& parameters = recipe.optimizer.parameters;
  group.parameters.set(
      "lr", recipe.quantize.scale_rate(recipe.optimizer.name, parameters.get_double("lr", 0)));
  if (parameters.has("weight_decay")) {
    group.parameters.set("weight_decay", 0.0);
  }
  settings.groups.insert(settings.groups.begin(), std::move(group));  // the recipe's go before it
  if (!settings.model.trainable.empty()) {
    std::vector<std::string>& trainable = settings.model.trainable;
    trainable.insert(trainable.begin(), scales.begin(), scales.end());
  }
}

void write_rounded(const graph::RoundedModel& rounded, const QuantizeSettings& settings,
                   const std::map<std::string, PlainValue>& values, const std::string& path,
                   const graph::ExportedMetadata& metadata) {
  std::map<std::string, PlainValue> settled = values;
  const std::set<std::string> learnt = learnt_scales(rounded, settings);
  for (const RoundedTensor& tensor : rounded.tensors) {
    if (!learnt.contains(tensor.scale)) {
      settled.erase(tensor.scale);  // a list of numbers is a variable, which nothing reads
    }
  }
  graph::export_rounded(rounded, settled, settings.exported == "integers", path, metadata);
}

}  // namespace temper::training
