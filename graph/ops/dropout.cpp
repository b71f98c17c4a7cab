// Dropout: ONNX's op (identity outside training) and the training form with counter-based random
// numbers.
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

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

}  // namespace

void register_dropout(OpRegistry& ops) {
  ops.add("Dropout")
      .inputs(1, 3)
      .outputs(1, 2)
      .infer(infer_dropout)
      .gradient(dropout_gradient)
      .absorbs({1, 2});
  ops.add("DropoutTrain")
      .inputs(2, 2)
      .outputs(1, 2)
      .infer(infer_dropout_train)
      .gradient(dropout_train_gradient)
      .stateful()
      .internal();
}

}  // namespace temper::graph
