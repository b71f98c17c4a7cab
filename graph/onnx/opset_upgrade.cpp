// One rule per op whose meaning or form changed between opsets 7 and 28. Ops without a rule mean
// the same in all of them, apart from the types they take.
#include "graph/onnx/opset_upgrade.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "graph/ir/op_registry.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {
namespace {

// Up to opset 10 the bounds are attributes whose defaults are the largest floats: no bound at all.
void upgrade_clip(NodeDraft& d) {
  if (d.opset >= 11) {
    return;
  }
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (d.attrs.get_double("min", -kLargest) <= -kLargest) {
    d.attrs.erase("min");
  }
  if (d.attrs.get_double("max", kLargest) >= kLargest) {
    d.attrs.erase("max");
  }
}

// Up to opset 12 Softmax flattens its input to two dimensions at `axis` (default 1) and normalises
// over all of the second.
void upgrade_softmax(NodeDraft& d) {
  if (d.opset >= 13) {
    return;
  }
  const std::int64_t axis = d.attrs.get_int("axis", 1);
  if (axis == -1 || d.inputs.size() != 1) {
    d.attrs.set("axis", std::int64_t{-1});
    return;
  }
  const ValueId input = d.inputs[0];
  const ValueId shape = d.emit("Shape", {input});
  const ValueId flat = d.emit("Flatten", {input}, {{"axis", axis}});
  const ValueId normalised = d.emit(d.op, {flat}, {{"axis", std::int64_t{1}}});
  d.op = "Reshape";
  d.inputs = {normalised, shape};
  // A dimension of 0 is a 0 here, not "copy the input's".
  d.attrs = Attrs{{"allowzero", std::int64_t{1}}};
}

void upgrade_batch_normalization(NodeDraft& d) {
  if (d.opset >= 14) {
    TEMPER_CHECK(d.outputs.size() <= 3, ErrorCode::kInvalidModel, d.origin, " has ",
                 d.outputs.size(), " outputs, expected 1 to 3 from opset 14 on");
    return;
  }
  if (d.opset < 9) {
    // With one number per feature and no other dimensions both forms are the same.
    const bool vector = d.has_input(1) && d.graph.value(d.inputs[1]).shape_known &&
                        d.graph.value(d.inputs[1]).shape.rank() == 1;
    if (d.attrs.get_int("spatial", 1) == 0 && !vector) {
      d.refuse("spatial=0 (statistics per activation) is not supported");
    }
    d.attrs.erase("spatial");
  }
  // Before opset 14 a node is in training form when it gives statistics: the new running ones, and
  // those of the batch (saved_mean, saved_var). Exporters list them though nobody reads them.
  bool training = false;
  for (std::size_t i = 1; i < d.outputs.size(); ++i) {
    training = training || d.has_output(i);
    if (!d.is_read(i)) {
      d.outputs[i].clear();
    }
  }
  d.attrs.set("training_mode", std::int64_t{training});
}

void upgrade_dropout(NodeDraft& d) {
  if (d.opset >= 12) {
    return;
  }
  d.attrs.set("ratio", d.attrs.get_double("ratio", 0.5));
  if (d.opset < 10 && d.has_output(1)) {
    if (d.is_read(1)) {
      d.refuse("reading the mask of opsets before 10, which is no bool, is not supported");
    }
    d.outputs.resize(1);
  }
}

void upgrade_cast(NodeDraft& d) {
  const std::int64_t to = d.attrs.get_int("to", 0);
  const bool fits = to > 0 && to < std::numeric_limits<std::int32_t>::max();
  TEMPER_CHECK(fits && is_known_onnx_type(static_cast<std::int32_t>(to)), ErrorCode::kInvalidModel,
               d.origin, " casts to the type ", to, ", which ONNX does not define");
  const DType dtype = graph_dtype(static_cast<std::int32_t>(to));
  if (dtype == DType::kUndefined) {
    d.refuse("casting to ", onnx_type_name(static_cast<std::int32_t>(to)), " is not supported");
  }
  d.attrs.set("to", std::string(to_string(dtype)));
  d.attrs.erase("saturate");  // both matter for float8 only
  d.attrs.erase("round_mode");
}

void upgrade_cast_like(NodeDraft& d) {
  d.attrs.erase("saturate");
  d.attrs.erase("round_mode");
}

// Without sizes all parts are equal before opset 18; from then on num_outputs says how many there
// are.
void upgrade_split(NodeDraft& d) {
  if (!d.has_input(1) && !d.attrs.has("split")) {
    d.attrs.set("num_outputs", static_cast<std::int64_t>(d.outputs.size()));
  }
}

// Opsets before 10 have attributes only, and their `axes` default to the first ones, as later.
void upgrade_slice(NodeDraft& d) {
  if (d.opset < 10) {
    TEMPER_CHECK(d.attrs.has("starts") && d.attrs.has("ends"), ErrorCode::kInvalidModel, d.origin,
                 " has no starts or no ends");
  }
}

// ReduceSum took its axes as an input from opset 13, the others from 18; an attribute of that name
// means nothing afterwards.
void upgrade_reduce(NodeDraft& d) {
  const std::int64_t input_since = d.op == "ReduceSum" ? 13 : 18;
  if (d.opset >= input_since) {
    d.attrs.erase("axes");
  } else {
    d.attrs.erase("noop_with_empty_axes");
  }
}

void upgrade_squeeze(NodeDraft& d) {
  if (d.opset >= 13) {
    d.attrs.erase("axes");
  }
}

void upgrade_pad(NodeDraft& d) {
  if (d.opset >= 11) {
    for (const char* name : {"pads", "value", "axes"}) {
      d.attrs.erase(name);
    }
  }
}

void upgrade_range(NodeDraft& d) { d.attrs.erase("stash_type"); }

struct Rule {
  std::string_view op;
  void (*apply)(NodeDraft&);
};

constexpr Rule kRules[] = {
    {"BatchNormalization", upgrade_batch_normalization},
    {"Cast", upgrade_cast},
    {"CastLike", upgrade_cast_like},
    {"Clip", upgrade_clip},
    {"Dropout", upgrade_dropout},
    {"LogSoftmax", upgrade_softmax},
    {"Pad", upgrade_pad},
    {"Range", upgrade_range},
    {"ReduceMax", upgrade_reduce},
    {"ReduceMean", upgrade_reduce},
    {"ReduceMin", upgrade_reduce},
    {"ReduceSum", upgrade_reduce},
    {"Slice", upgrade_slice},
    {"Softmax", upgrade_softmax},
    {"Split", upgrade_split},
    {"Squeeze", upgrade_squeeze},
    {"Unsqueeze", upgrade_squeeze},
};

}  // namespace

ValueId NodeDraft::emit(std::string_view op_name, std::vector<ValueId> op_inputs, Attrs op_attrs) {
  const NodeId id = graph.add_node(graph.registry().get(op_name), std::move(op_inputs), {""},
                                   std::move(op_attrs), origin);
  graph.node(id).scope = scope;
  graph.node(id).name = name;
  return graph.node(id).outputs[0];
}

void upgrade(NodeDraft& draft) {
  for (const Rule& rule : kRules) {
    if (rule.op == draft.op) {
      rule.apply(draft);
      return;
    }
  }
}

}  // namespace temper::graph
