#include "training/session/input_layout.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "graph/passes/batch_axes.h"
#include "runtime/base/error.h"
#include "training/compile/training_graph.h"
#include "training/session/input_places.h"

namespace temper::training {
namespace {

using graph::Dim;
using graph::Graph;
using graph::Value;
using graph::ValueId;
using Kind = InputPlace::Kind;

// Why the model cannot be made for so many samples where its inputs lie so; empty: it can. `apart`:
// the operators must show that some output keeps samples apart.
std::string trial(const Graph& imported, const InputLayout& layout, const ModelSettings& settings,
                  std::int64_t batch, bool apart, const Backend& reference) {
  Graph graph = imported;
  try {
    arrange_inputs(graph, layout, settings);
    give_sizes(graph, {}, kTrialSizes[0]);
    bind_batch(graph, {}, batch, reference, settings);
  } catch (const Error& error) {
    return error.what();
  }
  if (batch == 1) {
    return {};
  }
  const graph::BatchFlow flow = graph::follow_batch(graph, batch);
  if (!flow.along.empty()) {
    return concat(flow.along, " goes along it");
  }
  const bool none = std::none_of(flow.outputs.begin(), flow.outputs.end(),
                                 [](const graph::BatchAxis& axis) { return axis.has_value(); });
  return apart && none && !flow.mixing.empty() ? concat(flow.mixing, " may mix it") : std::string{};
}

// The names of the first dimensions that are taken for the batch.
std::set<std::string> batch_symbols(const Graph& graph, const InputLayout& layout) {
  std::set<std::string> symbols;
  for (std::size_t i = 0; i < layout.places.size(); ++i) {
    const InputPlace& place = layout.places[i];
    const std::vector<Dim>& dims = graph.value(graph.inputs[i]).dims;
    if (place.kind == Kind::kAxis && place.axis == 0 && !place.is_state && !dims.empty() &&
        dims[0].value < 0) {
      symbols.insert(dims[0].symbol);
    }
  }
  return symbols;
}

// Whether a person named different things, as the nodes and the edges of a graph; what exporters
// call a dimension for want of a name is numbered.
bool name_different_things(const std::set<std::string>& symbols) {
  const auto is_made_up = [](const std::string& symbol) {
    return symbol.size() < 2 || symbol.find_first_of("0123456789") != std::string::npos;
  };
  return symbols.size() > 1 && std::none_of(symbols.begin(), symbols.end(), is_made_up);
}

// Where each input is one sample or has a batch of one.
InputLayout taken_one_by_one(const Graph& graph, InputLayout layout, const std::string& because) {
  layout.one_sample = true;
  for (std::size_t i = 0; i < layout.places.size(); ++i) {
    InputPlace& place = layout.places[i];
    const std::vector<Dim>& dims = graph.value(graph.inputs[i]).dims;
    if (place.kind == Kind::kAxis && !place.is_state && dims[0].value != 1) {
      const auto axis = static_cast<std::size_t>(std::exchange(place.axis, 0));
      place.kind = Kind::kSample;
      place.why = concat("dimension ", axis, " is '", dims[axis].symbol,
                         "', and the model does not keep what lies along it apart: ", because);
    }
  }
  return layout;
}

}  // namespace

void give_sizes(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                std::int64_t others) {
  for (const ValueId id : graph.inputs) {
    std::vector<Dim>& dims = graph.value(id).dims;
    for (std::size_t axis = 1; axis < dims.size(); ++axis) {
      const auto named = symbols.find(dims[axis].symbol.empty() ? "?" : dims[axis].symbol);
      if (dims[axis].value < 0) {
        dims[axis].value = named == symbols.end() ? others : named->second;
      }
    }
  }
}

const InputPlace* InputLayout::find(std::string_view name) const {
  const auto found = std::find_if(places.begin(), places.end(),
                                  [&](const InputPlace& place) { return place.name == name; });
  return found == places.end() ? nullptr : &*found;
}

InputLayout find_input_layout(const Graph& graph, const std::vector<graph::OnnxValueInfo>& outputs,
                              const ModelSettings& settings, const Backend& reference) {
  InputLayout layout = find_input_places(graph, outputs, settings);
  const std::set<std::string> symbols = batch_symbols(graph, layout);
  const bool different = name_different_things(symbols);
  if (!settings.inputs.empty() ||
      !(different || std::any_of(symbols.begin(), symbols.end(), names_length))) {
    return layout;
  }
  const std::string refusal = trial(graph, layout, settings, 2, different, reference);
  if (refusal.empty()) {
    return layout;
  }
  InputLayout single = taken_one_by_one(graph, layout, refusal);
  return trial(graph, single, settings, 1, false, reference).empty() ? single : layout;
}

std::string describe(const InputPlace& place) {
  std::string text;
  if (!place.carry.empty()) {
    text =
        concat("state that goes on with what output ", place.carry, " was in the batch before, ");
  } else if (place.has_value) {
    text = "a value of the recipe, ";
  } else if (place.is_state) {
    text = "state, ";
  }
  switch (place.kind) {
    case Kind::kAxis:
      text += concat("batch at axis ", place.axis);
      break;
    case Kind::kSample:
      text += "one sample at a time";
      break;
    case Kind::kShared:
      text += "shared by all samples";
      break;
  }
  return concat(text, " (", place.why, ")");
}

}  // namespace temper::training
