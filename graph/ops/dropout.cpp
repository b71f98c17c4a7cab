// Dropout: ONNX's op (identity outside training) and the training form with counter-based random
// numbers.
#include <cmath>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/training_context.h"
#include "graph/ops/standard_philox.h"

namespace temper::graph {
namespace {

void infer_dropout(InferContext& c) {
  const double ratio = c.take_number("ratio", 1).value_or(0.5);
  c.check(ratio >= 0 && ratio <= 1, "ratio is ", ratio, ", expected 0 to 1");
  c.attrs().set("ratio", ratio);
  const double training = c.take_number("training_mode", 2).value_or(0);
  c.attrs().set("training_mode", std::int64_t{training != 0});
  c.set_output(0, c.dtype(0), c.shape(0));
  c.set_output(1, DType::kBool, c.shape(0));
}

// y = x outside training;  dx = dy
void dropout_gradient(GradContext& g) {
  TEMPER_CHECK(g.attrs().get_int("training_mode", 0) == 0, ErrorCode::kInternal,
               "Dropout in training mode must become DropoutTrain before gradients");
  g.set(0, g.dy());
}

void infer_dropout_train(InferContext& c) {
  Attrs& attrs = c.attrs();
  const double ratio = attrs.get_double("ratio", 0.5);
  c.check(ratio >= 0 && ratio <= 1, "ratio is ", ratio, ", expected 0 to 1");
  attrs.set("ratio", ratio);
  attrs.set("seed", attrs.get_int("seed", 0));
  attrs.set("random_id", attrs.get_int("random_id", 0));
  c.check(c.dtype(1) == DType::kInt64 && c.shape(1).element_count() == 1,
          "position must be one i64, but is ", c.dtype(1), " ", c.shape(1));
  c.set_output(0, c.dtype(0), c.shape(0));
  c.set_output(1, DType::kBool, c.shape(0));
}

// y = mask x / (1 - ratio);  dx = mask dy / (1 - ratio)
void dropout_train_gradient(GradContext& g) {
  if (!g.needs(0) || !g.has_dy()) {
    return;
  }
  Builder& b = g.builder();
  const ValueId mask = g.saved(1);
  const double ratio = g.attrs().get_double("ratio", 0.5);
  const ValueId scaled = b.scale(g.dy(), ratio < 1 ? 1.0 / (1.0 - ratio) : 0.0);
  g.set(0, b.op("Where", {mask, scaled, b.scalar(g.dtype(g.dy()), 0)}));
}

// The mask that the kernels draw: an element stays where its number k 2^-24 is not below the ratio.
std::vector<ValueId> write_dropout_train(Builder& b, const Node& node,
                                         const std::vector<ValueId>& inputs) {
  const Shape x = b.shape(inputs[0]);
  const double ratio = node.attrs.get_double("ratio", 0.5);
  const auto number = [&](double value) { return b.scalar(DType::kInt64, value); };
  const std::int64_t per_sample = x.rank() == 0 ? 1 : x.count(1, x.rank());
  const ValueId first = b.mul(b.reshape(inputs[1], {}), number(static_cast<double>(per_sample)));
  WrittenPhilox philox(b, static_cast<std::uint64_t>(node.attrs.get_int("seed", 0)),
                       static_cast<std::uint64_t>(node.attrs.get_int("random_id", 0)));
  const ValueId drawn = b.div(philox.words(first, x.element_count()), number(256));
  const ValueId stays = b.op("GreaterOrEqual", {drawn, number(std::ceil(ratio * 0x1p24))});
  const ValueId mask = b.reshape(stays, x);
  const ValueId scaled = b.scale(inputs[0], ratio < 1 ? 1.0 / (1.0 - ratio) : 0.0);
  return {b.op("Where", {mask, scaled, b.scalar(b.dtype(inputs[0]), 0)}), mask};
}

bool is_exported_for_training(const Graph& graph, const Node& node) {
  if (node.inputs.size() < 3 || !node.inputs[2].valid()) {
    return false;
  }
  const Value& mode = graph.value(node.inputs[2]);
  return mode.kind == ValueKind::kConstant && mode.constant.values<double>() != std::vector{0.0};
}

// DropoutTrain; where nothing is dropped, nothing or a node that gives its mask, all true.
void train_dropout(TrainingContext& c) {
  const std::int64_t random_id = c.next_random_id();
  const Node& node = c.node();
  const double ratio = node.attrs.get_double("ratio", 0.5);
  const bool drops = c.options().dropout && ratio != 0;
  if (!drops && node.outputs.size() > 1) {
    c.edited().attrs.set("training_mode", std::int64_t{0});
    return;
  }
  if (!drops) {
    return c.replace({node.inputs[0]});
  }
  TEMPER_ASSERT(c.options().position.valid());
  Builder builder(c.graph(), node.origin);
  c.replace(builder.ops("DropoutTrain",
                        {node.inputs[0], c.graph().read_variable(c.options().position)}, 2,
                        {{"ratio", ratio},
                         {"seed", static_cast<std::int64_t>(c.options().seed)},
                         {"random_id", random_id}}));
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

}  // namespace

void register_dropout(OpRegistry& ops) {
  ops.add("Dropout")
      .takes_narrow()
      .upgrade(upgrade_dropout)
      .training(train_dropout, is_exported_for_training)
      .batch(batch_elementwise)
      .moves(Movement::kDrop)
      .inputs(1, 3)
      .outputs(1, 2)
      .infer(infer_dropout)
      .gradient(dropout_gradient)
      .absorbs({1, 2});
  ops.add("DropoutTrain")
      .moves(Movement::kDrop)
      .inputs(2, 2)
      .outputs(1, 2)
      .infer(infer_dropout_train)
      .standard(write_dropout_train)
      .gradient(dropout_train_gradient)
      .stateful()
      .internal();
}

}  // namespace temper::graph
