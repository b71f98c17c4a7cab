// BatchNormalization: ONNX's op (frozen statistics) and the training form with its gradient.
#include <numeric>

#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

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
  c.set_output(5, DType::kOpaque, Shape{});
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
      "BatchNormTrainGrad", {g.dy(), g.x(0), g.x(1), g.x(2), mean, var}, 3,
      {{"epsilon", g.attrs().get_double("epsilon", 1e-5)}, {"relu", g.attrs().get_int("relu", 0)}},
      {g.needs(0), g.needs(1), g.needs(2)});
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

}  // namespace

void register_batch_norm(OpRegistry& ops) {
  // Outputs 3 and 4, the statistics of the batch, are those of opsets 7 to 13.
  ops.add("BatchNormalization")
      .inputs(5, 5)
      .outputs(1, 5)
      .infer(infer_batch_normalization)
      .gradient(batch_normalization_gradient)
      .wide_inputs({1, 2, 3, 4});
  ops.add("BatchNormTrain")
      .inputs(5, 5)
      .outputs(1, 6)
      .infer(infer_batch_norm_train)
      .gradient(batch_norm_train_gradient)
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
