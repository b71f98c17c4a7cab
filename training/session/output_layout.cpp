#include "training/session/output_layout.h"

#include <algorithm>
#include <optional>

#include "graph/passes/batch_axes.h"
#include "graph/passes/batch_first.h"
#include "runtime/base/error.h"
#include "training/compile/training_graph.h"

namespace temper::training {
namespace {

using graph::BatchAxis;
using graph::Graph;
using Kind = OutputPlace::Kind;

// Another size, to tell dimensions that grow with the batch from those that happen to have its
// size.
constexpr std::int64_t kOtherBatch = 3;

struct Probe {
  std::vector<Shape> shapes;
  graph::BatchFlow flow;
};

Probe probe(const Graph& imported, std::int64_t batch, const Backend& reference,
            const ModelSettings& settings) {
  Graph graph = imported;
  bind_batch(graph, {}, batch, reference, settings);
  Probe made;
  for (const Graph::Output& output : graph.outputs) {
    made.shapes.push_back(graph.value(output.value).shape);
  }
  made.flow = graph::follow_batch(graph, batch);
  return made;
}

const OutputSettings* settings_of(const ModelSettings& settings, const std::string& name) {
  const auto found = std::find_if(settings.outputs.begin(), settings.outputs.end(),
                                  [&](const OutputSettings& each) { return each.name == name; });
  return found == settings.outputs.end() ? nullptr : &*found;
}

void check_names(const Graph& graph, const ModelSettings& settings) {
  std::vector<std::string> names;
  for (const Graph::Output& output : graph.outputs) {
    names.push_back(output.name);
  }
  for (const OutputSettings& each : settings.outputs) {
    TEMPER_CHECK(std::find(names.begin(), names.end(), each.name) != names.end(),
                 ErrorCode::kInvalidArgument, "model.output.", each.name,
                 ": the model has no output '", each.name, "' (it has ", join(names, ", "), ")");
  }
}

// The dimensions that grow from one shape to the other.
std::vector<int> growing(const Shape& two, const Shape& three) {
  std::vector<int> axes;
  for (int axis = 0; axis < two.rank() && two.rank() == three.rank(); ++axis) {
    if (two[axis] != three[axis]) {
      axes.push_back(axis);
    }
  }
  return axes;
}

// Whether the operators' rules alone say where the samples lie.
bool is_told(const Shape& two, BatchAxis by_rules, OutputPlace& place) {
  if (!by_rules || two[*by_rules] != kProbeBatch) {
    return false;
  }
  place.axis = *by_rules;
  place.why = "the operators keep samples apart along it";
  return true;
}

void infer_from(const Shape& two, const Shape& three, BatchAxis by_rules, OutputPlace& place) {
  const std::vector<int> axes = growing(two, three);
  const int axis = axes.empty() ? 0 : axes.front();
  if (axes.size() != 1 || two[axis] * kOtherBatch != three[axis] * kProbeBatch) {
    place.kind = Kind::kWhole;
    place.why =
        concat("it is ", two, " for ", kProbeBatch, " samples and ", three, " for ", kOtherBatch);
    return;
  }
  place.axis = axis;
  if (two[axis] == kProbeBatch) {
    place.why = "as many as samples";
    return;
  }
  const bool told = axis == 0 && by_rules == BatchAxis(axis);
  place.kind = told ? Kind::kRows : Kind::kUnclear;
  place.why = concat(two[axis] / kProbeBatch, " for each sample",
                     told ? ", one sample's after the other" : "");
}

void infer_of_one(const Shape& shape, OutputPlace& place) {
  if (shape.rank() == 0 || shape[0] != 1) {
    place.kind = Kind::kSample;
  }
  place.why = "batches are of one sample";
}

void check_axis(const std::string& key, std::int64_t axis, const Shape& shape) {
  TEMPER_CHECK(axis < shape.rank(), ErrorCode::kInvalidArgument, key, " is ", axis,
               ", but the output is ", shape, " for ", kProbeBatch,
               " samples, whose dimensions go from 0 to ", shape.rank() - 1);
}

// A dimension may have the size of the batch by chance.
void check_grows(const OutputSettings& said, const Shape& two, const Shape& three) {
  const auto axis = static_cast<int>(said.batch_axis.axis);
  TEMPER_CHECK(axis < three.rank() && three[axis] == kOtherBatch, ErrorCode::kInvalidArgument,
               "model.output.", said.name, ".batch_axis is ", axis, ", but the output is ", two,
               " for ", kProbeBatch, " samples and ", three, " for ", kOtherBatch,
               ": that dimension does not grow with the samples");
}

// What the recipe says goes before what was inferred.
void settle_said(const OutputSettings& said, std::int64_t batch, OutputPlace& place) {
  const std::string table = concat("model.output.", said.name);
  const Shape& shape = place.shape;
  if (!said.flatten.empty()) {
    TEMPER_CHECK(shape.rank() > 0 && shape[0] % batch == 0, ErrorCode::kInvalidArgument, table,
                 ".flatten is \"", said.flatten, "\", but the output is ", shape, " for ", batch,
                 " samples: its first dimension does not have as many rows for each");
    TEMPER_CHECK(said.batch_axis.kind == BatchAxisSettings::Kind::kInferred && said.time_axis < 0,
                 ErrorCode::kInvalidArgument, table,
                 ".flatten says where samples lie: leave batch_axis and time_axis out");
    place.kind = Kind::kRows;
    place.samples_inside = said.flatten == "time_batch";
    place.why = concat(table, ".flatten");
    return;
  }
  if (said.batch_axis.kind == BatchAxisSettings::Kind::kAxis) {
    check_axis(table + ".batch_axis", said.batch_axis.axis, shape);
    TEMPER_CHECK(shape[said.batch_axis.axis] == batch, ErrorCode::kInvalidArgument, table,
                 ".batch_axis is ", said.batch_axis.axis, ", but the output is ", shape, " for ",
                 batch, " samples");
    place.kind = Kind::kAxis;
    place.axis = said.batch_axis.axis;
    place.why = table + ".batch_axis";
  } else if (said.batch_axis.kind == BatchAxisSettings::Kind::kNone) {
    place.kind = batch == 1 ? Kind::kSample : Kind::kWhole;
    place.why = table + ".batch_axis";
  }
  if (said.time_axis >= 0) {
    check_axis(table + ".time_axis", said.time_axis, shape);
    TEMPER_CHECK(place.kind == Kind::kAxis && said.time_axis != place.axis,
                 ErrorCode::kInvalidArgument, table, ".time_axis is ", said.time_axis,
                 place.kind == Kind::kAxis ? ", which is the batch's"
                                           : ", but the output has no dimension for the batch");
    place.time = static_cast<int>(said.time_axis);
  }
}

}  // namespace

std::vector<OutputPlace> find_output_places(const Graph& graph, const ModelSettings& settings,
                                            bool one_sample, const Backend& reference) {
  check_names(graph, settings);
  const std::int64_t batch = one_sample ? 1 : kProbeBatch;
  const Probe smaller = probe(graph, batch, reference, settings);
  TEMPER_CHECK(one_sample || smaller.flow.along.empty() || !settings.inputs.empty(),
               ErrorCode::kInvalidArgument, smaller.flow.along,
               " would go from one sample of a batch to the next: the input's samples lie along "
               "another dimension than the first; write model.input.NAME.batch_axis = 1, as in "
               "[time, batch, channels], or 0 if that is what the model is meant to do");
  std::optional<Probe> larger;
  const auto larger_shape = [&](std::size_t output) -> const Shape& {
    if (!larger) {
      larger = probe(graph, kOtherBatch, reference, settings);
    }
    return larger->shapes[output];
  };
  std::vector<OutputPlace> places;
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    OutputPlace place;
    place.name = graph.outputs[i].name;
    place.shape = smaller.shapes[i];
    if (one_sample) {
      infer_of_one(place.shape, place);
    } else if (!is_told(place.shape, smaller.flow.outputs[i], place)) {
      infer_from(place.shape, larger_shape(i), smaller.flow.outputs[i], place);
    }
    if (const OutputSettings* said = settings_of(settings, place.name)) {
      settle_said(*said, batch, place);
      if (!one_sample && said->batch_axis.kind == BatchAxisSettings::Kind::kAxis) {
        check_grows(*said, place.shape, larger_shape(i));
      }
    }
    places.push_back(std::move(place));
  }
  return places;
}

void arrange_outputs(Graph& graph, const std::vector<OutputPlace>& places) {
  for (std::size_t i = 0; i < places.size(); ++i) {
    const OutputPlace& place = places[i];
    if (place.kind == Kind::kAxis) {
      graph::move_output_first(graph, i, place.shape.rank(), place.axis, place.time);
    } else if (place.kind == Kind::kSample) {
      graph::add_output_batch_of_one(graph, i);
    } else if (place.kind == Kind::kRows) {
      graph::split_output_rows(graph, i, place.samples_inside, place.shape.rank(),
                               graph.inputs.front());
    }
  }
}

std::string describe(const OutputPlace& place) {
  std::string text;
  switch (place.kind) {
    case Kind::kAxis:
      text = concat("batch at axis ", place.axis);
      text += place.time >= 0 ? concat(", time at axis ", place.time) : "";
      break;
    case Kind::kRows:
      text += place.samples_inside ? "rows of axis 0: the first of each sample, then the second"
                                   : "rows of axis 0: one sample's after the other";
      break;
    case Kind::kSample:
      text += "all of one sample";
      break;
    case Kind::kWhole:
      text += "of the whole batch";
      break;
    case Kind::kUnclear:
      text += concat("several rows of each sample in axis ", place.axis,
                     ", in an order that model.output.", place.name, ".flatten must say");
      break;
  }
  return concat(text, " (", place.why, ")");
}

}  // namespace temper::training
