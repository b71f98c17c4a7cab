// BatchNormalization: ONNX's op (frozen statistics) and the training form with its gradient.
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/training_context.h"

namespace temper::graph {
namespace {

// Where a fused Relu saves what it let through, and where the gradient reads it.
constexpr int kMaskOutput = 5;
constexpr int kMaskInput = 6;

// x [N, C, d...]; scale, bias, mean, var [C].
void check_operands(InferContext& c, std::initializer_list<int> per_channel) {
  const Shape& x = c.shape(0);
  c.check(x.rank() >= 2, "the input has the shape ", x, ", expected [N, C, ...]");
  for (const int i : per_channel) {
    c.check(c.shape(i) == Shape{x[1]}, "input ", i, " has the shape ", c.shape(i), ", expected ",
            Shape{x[1]}, " for the input ", x);
  }
  c.attrs().set("epsilon", c.attrs().get_double("epsilon", 1e-5));
}

void infer_batch_normalization(InferContext& c) {
  check_operands(c, {1, 2, 3, 4});
  const std::int64_t training = c.attrs().get_int("training_mode", 0);
  c.attrs().set("training_mode", training);
  c.attrs().set("momentum", c.attrs().get_double("momentum", 0.9));
  for (int i = 1; i < c.output_count(); ++i) {
    c.check(training != 0 || !c.has_output(i), "the statistics as outputs need training_mode=1");
  }
  c.set_output(0, c.dtype(0), c.shape(0));
  for (int i = 1; i < c.output_count(); ++i) {
    const int like = i % 2 == 1 ? 3 : 4;
    c.set_output(i, c.dtype(like), c.shape(like));
  }
}

std::vector<std::int64_t> all_but_channel(const Shape& x) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(x.rank() - 1));
  std::iota(axes.begin(), axes.end(), 1);
  axes[0] = 0;
  return axes;
}

// y = (x - mean) r scale + bias with r = (var + epsilon)^-1/2
// dx = dy r scale,  dscale = sum dy (x - mean) r,  dbias = sum dy,
// dmean = -r scale sum dy,  dvar = -1/2 r^3 scale sum dy (x - mean)
void batch_normalization_gradient(GradContext& g) {
  TEMPER_CHECK(g.attrs().get_int("training_mode", 0) == 0, ErrorCode::kInternal,
               "BatchNormalization in training mode must become BatchNormTrain before gradients");
  Builder& b = g.builder();
  const Shape x = g.shape(g.x(0));
  Shape channel = x;
  for (int i = 0; i < x.rank(); ++i) {
    channel[i] = i == 1 ? x[1] : 1;
  }
  // Statistics are computed in float32 at least, also for a 16-bit x.
  const DType x_type = g.dtype(g.x(0));
  const DType type = size_of(x_type) == 2 ? DType::kFloat32 : x_type;
  const ValueId dy = b.cast(g.dy(), type);
  const auto wide = [&](int i) { return b.reshape(b.cast(g.x(i), type), channel); };
  const ValueId epsilon = b.scalar(type, g.attrs().get_double("epsilon", 1e-5));
  const ValueId r = b.op("Reciprocal", {b.op("Sqrt", {b.add(wide(4), epsilon)})});
  const auto set_channel = [&](int i, ValueId value) {
    g.set(i, b.cast(b.reshape(value, {x[1]}), g.dtype(g.x(i))));
  };
  const auto sum = [&](ValueId value) { return b.reduce_sum(value, all_but_channel(x), true); };
  if (g.needs(0)) {
    g.set(0, b.cast(b.mul(dy, b.mul(r, wide(1))), x_type));
  }
  if (g.needs(1) || g.needs(4)) {
    const ValueId moment = b.mul(sum(b.mul(dy, b.sub(b.cast(g.x(0), type), wide(3)))), r);
    if (g.needs(1)) {
      set_channel(1, moment);
    }
    if (g.needs(4)) {
      set_channel(4, b.scale(b.mul(moment, b.mul(wide(1), b.mul(r, r))), -0.5));
    }
  }
  if (g.needs(2) || g.needs(3)) {
    const ValueId total = sum(dy);
    if (g.needs(2)) {
      set_channel(2, total);
    }
    if (g.needs(3)) {
      set_channel(3, b.neg(b.mul(total, b.mul(r, wide(1)))));
    }
  }
}

void infer_batch_norm_train(InferContext& c) {
  check_operands(c, {1, 2, 3, 4});
  Attrs& attrs = c.attrs();
  attrs.set("momentum", attrs.get_double("momentum", 0.9));
  const std::int64_t unbiased = attrs.get_int("unbiased", 1);
  attrs.set("unbiased", unbiased);
  attrs.set("relu", attrs.get_int("relu", 0));
  const Shape& x = c.shape(0);
  const std::int64_t values = x[0] * x.count(2, x.rank());
  TEMPER_CHECK(
      values > 1 || unbiased == 0, ErrorCode::kInvalidArgument,
      "BatchNormalization in training needs more than one value per channel, but its input is ", x,
      "; use a larger batch");
  c.set_output(0, c.dtype(0), x);
  c.set_output(1, c.dtype(3), c.shape(3));
  c.set_output(2, c.dtype(4), c.shape(4));
  c.set_output(3, c.dtype(3), c.shape(3));
  c.set_output(4, c.dtype(4), c.shape(4));
  c.set_output(kMaskOutput, DType::kOpaque, Shape{});
}

// The part of dx that comes through the statistics, where something reads them. With m and v those
// of the batch, new = momentum old + (1 - momentum) m, the variance times n / (n - 1) if unbiased:
// dx = dm / n + 2 (x - m) dv / n,  dold = momentum dnew
ValueId statistics_gradient(GradContext& g) {
  Builder& b = g.builder();
  const Shape x = g.shape(g.x(0));
  Shape channel(std::vector<std::int64_t>(static_cast<std::size_t>(x.rank()), 1));
  channel[1] = x[1];
  const double momentum = g.attrs().get_double("momentum", 0.9);
  const double n = static_cast<double>(x.element_count() / x[1]);
  const double unbiased = g.attrs().get_int("unbiased", 1) != 0 ? n / (n - 1) : 1.0;
  const auto of_batch = [&](int fresh, int batch, double factor) {
    ValueId total = g.has_dy(batch) ? g.dy(batch) : ValueId{};
    if (g.has_dy(fresh)) {
      const ValueId part = b.scale(g.dy(fresh), (1 - momentum) * factor);
      total = total.valid() ? b.add(total, part) : part;
      if (g.needs(fresh + 2)) {
        g.set(fresh + 2, b.scale(g.dy(fresh), momentum));
      }
    }
    return total;
  };
  const ValueId dmean = of_batch(1, 3, 1);
  const ValueId dvar = of_batch(2, 4, unbiased);
  const auto spread = [&](ValueId value, double factor) {
    return b.expand(b.reshape(b.scale(value, factor), channel), x);
  };
  ValueId dx;
  if (dmean.valid()) {
    dx = spread(dmean, 1 / n);
  }
  if (dvar.valid()) {
    const ValueId mean = g.saved(3);
    const ValueId centred = b.sub(b.cast(g.x(0), b.dtype(dvar)), b.reshape(mean, channel));
    const ValueId part = b.mul(centred, spread(dvar, 2 / n));
    dx = dx.valid() ? b.add(dx, part) : part;
  }
  return dx.valid() ? b.cast(dx, g.dtype(g.x(0))) : dx;
}

// By its formulas: the statistics of the batch, the new running ones, and x normalised.
std::vector<ValueId> write_batch_norm_train(Builder& b, const Node& node,
                                            const std::vector<ValueId>& inputs) {
  const ValueId x = inputs[0];
  const Shape shape = b.shape(x);
  const DType type = b.dtype(x);
  Shape channel(std::vector<std::int64_t>(static_cast<std::size_t>(shape.rank()), 1));
  channel[1] = shape[1];
  const double n = static_cast<double>(shape.element_count() / shape[1]);
  const double momentum = node.attrs.get_double("momentum", 0.9);
  const double unbiased = node.attrs.get_int("unbiased", 1) != 0 ? n / (n - 1) : 1.0;
  const auto mean_of = [&](ValueId value) {
    return b.scale(b.reduce_sum(value, all_but_channel(shape), true), 1 / n);
  };
  const auto wide = [&](int i) {
    return b.reshape(b.cast(inputs[static_cast<std::size_t>(i)], type), channel);
  };
  const ValueId mean = mean_of(x);
  const ValueId centred = b.sub(x, mean);
  const ValueId var = mean_of(b.mul(centred, centred));
  const ValueId epsilon = b.scalar(type, node.attrs.get_double("epsilon", 1e-5));
  const ValueId r = b.op("Reciprocal", {b.op("Sqrt", {b.add(var, epsilon)})});
  ValueId y = b.add(b.mul(b.mul(centred, r), wide(1)), wide(2));
  y = node.attrs.get_int("relu", 0) != 0 ? b.op("Relu", {y}) : y;
  const auto running = [&](int old, ValueId of_batch, double factor) {
    const ValueId before = inputs[static_cast<std::size_t>(old)];
    const ValueId fresh = b.cast(b.reshape(of_batch, {shape[1]}), b.dtype(before));
    return b.add(b.scale(before, momentum), b.scale(fresh, (1 - momentum) * factor));
  };
  const auto flat = [&](ValueId value, int like) {
    return b.cast(b.reshape(value, {shape[1]}), b.dtype(inputs[static_cast<std::size_t>(like)]));
  };
  return {y, running(3, mean, 1), running(4, var, unbiased), flat(mean, 3), flat(var, 4), {}};
}

// With h = (x - batch_mean) r, r = (batch_var + epsilon)^-1/2 and n values per channel: y = h scale
// + bias dscale = sum dy h,  dbias = sum dy,  dx = r scale (dy - dbias / n - h dscale / n)
void batch_norm_train_gradient(GradContext& g) {
  const ValueId through_statistics = statistics_gradient(g);
  if (g.needs(0) && through_statistics.valid()) {
    g.set(0, through_statistics);
  }
  if (!g.has_dy()) {
    return;
  }
  const ValueId mean = g.saved(3);
  const ValueId var = g.saved(4);
  const std::vector<ValueId> made = g.builder().ops(
      g.node().op->gradient_op_name, {g.dy(), g.x(0), g.x(1), g.x(2), mean, var}, 3,
      {{"epsilon", g.attrs().get_double("epsilon", 1e-5)}}, {g.needs(0), g.needs(1), g.needs(2)});
  for (int i = 0; i < 3; ++i) {
    if (g.needs(i)) {
      const ValueId dx = made[static_cast<std::size_t>(i)];
      g.set(i, i == 0 && through_statistics.valid() ? g.builder().add(dx, through_statistics) : dx);
    }
  }
}

void infer_batch_norm_train_grad(InferContext& c) {
  c.check(c.shape(0) == c.shape(1), "dy has the shape ", c.shape(0), ", expected ", c.shape(1));
  check_operands(c, {2, 3, 4, 5});
  c.attrs().set("relu", c.attrs().get_int("relu", 0));
  c.set_output(0, c.dtype(1), c.shape(1));
  c.set_output(1, c.dtype(2), c.shape(2));
  c.set_output(2, c.dtype(3), c.shape(3));
}

// BatchNormTrainGrad by its formula (above batch_norm_train_gradient), the statistics computed from
// x again: so the expansion depends on x as BatchNormalization does.
std::vector<ValueId> expand_batch_norm_train_grad(Builder& b, const Node& node,
                                                  const std::vector<ValueId>& inputs) {
  const ValueId dy = inputs[0];
  const ValueId x = inputs[1];
  const Shape shape = b.shape(x);
  const DType type = b.dtype(x);
  Shape channel = shape;
  for (int i = 0; i < shape.rank(); ++i) {
    channel[i] = i == 1 ? shape[1] : 1;
  }
  const double n = static_cast<double>(shape.element_count() / shape[1]);
  const auto sum = [&](ValueId value) { return b.reduce_sum(value, all_but_channel(shape), true); };
  const auto mean = [&](ValueId value) { return b.scale(sum(value), 1 / n); };
  const auto per_channel = [&](ValueId value, ValueId like) {
    return b.cast(b.reshape(value, {shape[1]}), b.dtype(like));
  };
  const ValueId scale = b.reshape(b.cast(inputs[2], type), channel);
  const ValueId centred = b.sub(x, mean(x));
  const ValueId epsilon = b.scalar(type, node.attrs.get_double("epsilon", 1e-5));
  const ValueId r =
      b.op("Reciprocal", {b.op("Sqrt", {b.add(mean(b.mul(centred, centred)), epsilon)})});
  const ValueId h = b.mul(centred, r);
  const ValueId dbias = sum(dy);
  const ValueId dscale = sum(b.mul(dy, h));
  const ValueId spread = b.add(dbias, b.mul(h, dscale));
  const ValueId dx = b.mul(b.mul(r, scale), b.sub(dy, b.scale(spread, 1 / n)));
  return {dx, per_channel(dscale, inputs[2]), per_channel(dbias, inputs[3])};
}

bool is_exported_for_training(const Graph&, const Node& node) {
  return node.attrs.get_int("training_mode", 0) != 0;
}

// Exported in training form or not: the running statistics, left as they are. Those are also what
// its other outputs then are: the new ones are the old ones, and they are what x was normalised by.
void freeze_batch_normalization(TrainingContext& c) {
  const Node& node = c.node();
  for (std::size_t i = 1; i < node.outputs.size(); ++i) {
    if (node.outputs[i].valid()) {
      c.graph().replace_uses(node.outputs[i], node.inputs[i % 2 == 1 ? 3 : 4]);
    }
  }
  c.edited().attrs.set("training_mode", std::int64_t{0});
  c.edited().outputs.resize(1);
}

// BatchNormTrain: a node in inference form gets PyTorch's update (unbiased variance), one with
// training_mode = 1 ONNX's.
void train_batch_normalization(TrainingContext& c) {
  if (c.options().frozen_batchnorm) {
    return freeze_batch_normalization(c);
  }
  const Node& node = c.node();
  Graph& graph = c.graph();
  const Shape x = graph.value(node.inputs[0]).shape;
  const std::int64_t channels = x.rank() > 1 ? x[1] : 1;
  TEMPER_CHECK(
      channels == 0 || x.element_count() / channels != 1, ErrorCode::kInvalidArgument, node.origin,
      " would see one value per channel (input ", x,
      "): batch statistics need more; use a larger data.batch_size or data.drop_last = true");
  const bool onnx_form = is_exported_for_training(graph, node);
  Builder builder(graph, node.origin);
  const std::vector<ValueId> made = builder.ops(
      "BatchNormTrain",
      {node.inputs[0], node.inputs[1], node.inputs[2], c.statistic(3), c.statistic(4)}, 5,
      {{"epsilon", node.attrs.get_double("epsilon", 1e-5)},
       {"momentum", node.attrs.get_double("momentum", 0.9)},
       {"unbiased", std::int64_t{onnx_form ? 0 : 1}},
       {"relu", std::int64_t{0}}});
  c.set_statistic(3, made[1]);
  c.set_statistic(4, made[2]);
  graph.value(made[0]).name = graph.value(node.outputs[0]).name;
  graph.value(node.outputs[0]).name.clear();
  c.replace(made);
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

}  // namespace

void register_batch_norm(OpRegistry& ops) {
  // Outputs 3 and 4, the statistics of the batch, are those of opsets 7 to 13.
  ops.add("BatchNormalization")
      .upgrade(upgrade_batch_normalization)
      .training(train_batch_normalization, is_exported_for_training)
      .batch(batch_of_images)
      .inputs(5, 5)
      .weight(1, "scale")
      .weight(2, "bias")
      .statistic(3, "running mean")
      .statistic(4, "running variance")
      .units_along(1)
      .takes_relu()
      .outputs(1, 5)
      .infer(infer_batch_normalization)
      .gradient(batch_normalization_gradient)
      .wide_inputs({1, 2, 3, 4});
  ops.add("BatchNormTrain")
      .inputs(5, 5)
      .units_along(1)
      .updates_statistics()
      .gradient_op("BatchNormTrainGrad")
      .takes_relu(kMaskOutput, kMaskInput)
      .outputs(1, 6)
      .infer(infer_batch_norm_train)
      .gradient(batch_norm_train_gradient)
      .standard(write_batch_norm_train)
      .wide_inputs({1, 2, 3, 4})
      .internal();
  ops.add("BatchNormTrainGrad")
      .inputs(6, 7)
      .outputs(1, 3)
      .infer(infer_batch_norm_train_grad)
      .expands(expand_batch_norm_train_grad)
      .wide_inputs({2, 3, 4, 5})
      .internal();
}

}  // namespace temper::graph
