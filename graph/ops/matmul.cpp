// MatMul, Gemm and the weight gradient of a linear layer.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/broadcast.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/product_work.h"
#include "graph/ops/weight_gradient.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kOn = 1;

Shape batch_dims(const Shape& shape) { return Shape(shape.dims().first(shape.dims().size() - 2)); }

// A 1-d left operand counts as a row, a 1-d right operand as a column; that dimension is dropped
// from the result.
void infer_matmul(InferContext& c) {
  c.require_same_dtype({0, 1});
  Shape a = c.shape(0);
  Shape b = c.shape(1);
  c.check(a.rank() >= 1 && b.rank() >= 1, "MatMul of a scalar: the shapes are ", a, " and ", b);
  const bool row = a.rank() == 1;
  const bool column = b.rank() == 1;
  if (row) {
    a = Shape{1, a[0]};
  }
  if (column) {
    b = Shape{b[0], 1};
  }
  c.check(a[a.rank() - 1] == b[b.rank() - 2], "MatMul of ", c.shape(0), " and ", c.shape(1),
          ": the inner dimensions differ");
  Shape out = broadcast(batch_dims(a), batch_dims(b));
  if (!row) {
    out.push_back(a[a.rank() - 2]);
  }
  if (!column) {
    out.push_back(b[b.rank() - 1]);
  }
  c.set_output(0, c.dtype(0), out);
}

ValueId swap_last_two(Builder& b, ValueId value) {
  const int rank = b.shape(value).rank();
  std::vector<std::int64_t> perm(static_cast<std::size_t>(rank));
  for (int i = 0; i < rank; ++i) {
    perm[static_cast<std::size_t>(i)] = i;
  }
  std::swap(perm[static_cast<std::size_t>(rank - 1)], perm[static_cast<std::size_t>(rank - 2)]);
  return b.transpose(value, std::move(perm));
}

// Y[.., M, N] = A[.., M, K] B[K, N] is one product of 2-d matrices: a linear layer.
// dA = dY B^T,  dB = A^T dY
void linear_gradient(GradContext& g) {
  Builder& b = g.builder();
  const Shape& weights = g.shape(g.x(1));
  const std::int64_t k = weights[0];
  const std::int64_t n = weights[1];
  const Shape x_shape = g.shape(g.x(0));
  const std::int64_t rows = x_shape.count(0, x_shape.rank() - 1);
  const ValueId dy = b.reshape(g.dy(), {rows, n});
  if (g.needs(0)) {
    g.set(0, b.reshape(b.op("Gemm", {dy, g.x(1)}, {{"transB", kOn}}), x_shape));
  }
  if (g.needs(1)) {
    const ValueId x = b.reshape(g.x(0), {rows, k});
    g.set(1, b.op("LinearGradWeights", {x, dy}, {{"trans_w", std::int64_t{0}}}));
  }
}

// Y = A B per batch entry;  dA = dY B^T,  dB = A^T dY, summed over broadcast batch dimensions.
void matmul_gradient(GradContext& g) {
  Builder& b = g.builder();
  const Shape a_shape = g.shape(g.x(0));
  const Shape b_shape = g.shape(g.x(1));
  if (b_shape.rank() == 2 && a_shape.rank() >= 2) {
    return linear_gradient(g);
  }
  const bool row = a_shape.rank() == 1;
  const bool column = b_shape.rank() == 1;
  const Shape a2 = row ? Shape{1, a_shape[0]} : a_shape;
  const Shape b2 = column ? Shape{b_shape[0], 1} : b_shape;
  Shape y2 = broadcast(batch_dims(a2), batch_dims(b2));
  y2.push_back(a2[a2.rank() - 2]);
  y2.push_back(b2[b2.rank() - 1]);
  const ValueId dy = b.reshape(g.dy(), y2);
  if (g.needs(0)) {
    const ValueId da = b.op("MatMul", {dy, swap_last_two(b, b.reshape(g.x(1), b2))});
    g.set(0, b.reshape(b.sum_to(da, a2), a_shape));
  }
  if (g.needs(1)) {
    const ValueId db = b.op("MatMul", {swap_last_two(b, b.reshape(g.x(0), a2)), dy});
    g.set(1, b.reshape(b.sum_to(db, b2), b_shape));
  }
}

void infer_gemm(InferContext& c) {
  c.require_same_dtype({0, 1, 2});
  Attrs& attrs = c.attrs();
  const bool trans_a = attrs.get_int("transA", 0) != 0;
  const bool trans_b = attrs.get_int("transB", 0) != 0;
  attrs.set("transA", std::int64_t{trans_a});
  attrs.set("transB", std::int64_t{trans_b});
  attrs.set("alpha", attrs.get_double("alpha", 1.0));
  attrs.set("beta", attrs.get_double("beta", 1.0));
  const Shape& a = c.shape(0);
  const Shape& b = c.shape(1);
  c.check(a.rank() == 2 && b.rank() == 2, "Gemm needs matrices, but the shapes are ", a, " and ",
          b);
  c.check(a[trans_a ? 0 : 1] == b[trans_b ? 1 : 0], "Gemm of ", a, trans_a ? " (transposed)" : "",
          " and ", b, trans_b ? " (transposed)" : "", ": the inner dimensions differ");
  const Shape out{a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
  if (c.has_input(2)) {
    c.check(c.rank(2) <= 2 && broadcast(c.shape(2), out) == out, "Gemm's C of shape ", c.shape(2),
            " does not broadcast to ", out);
  }
  c.set_output(0, c.dtype(0), out);
}

// Y = alpha A' B' + beta C with A' = A or A^T, B' = B or B^T
// dA' = alpha dY B'^T,  dB' = alpha A'^T dY,  dC = beta dY (summed over C's broadcast axes)
void gemm_gradient(GradContext& g) {
  Builder& b = g.builder();
  const std::int64_t trans_a = g.attrs().get_int("transA", 0);
  const std::int64_t trans_b = g.attrs().get_int("transB", 0);
  const double alpha = g.attrs().get_double("alpha", 1);
  const double beta = g.attrs().get_double("beta", 1);
  const std::int64_t n = g.shape(g.y())[1];
  const bool row_bias = g.has_input(2) && g.shape(g.x(2)) == Shape{n};
  if (g.needs(0)) {
    const Attrs plain{{"alpha", alpha}, {"transB", 1 - trans_b}};
    const Attrs transposed{{"alpha", alpha}, {"transA", trans_b}, {"transB", kOn}};
    g.set(0, trans_a == 0 ? b.op("Gemm", {g.dy(), g.x(1)}, plain)
                          : b.op("Gemm", {g.x(1), g.dy()}, transposed));
  }
  if (g.needs(1) && trans_a == 0 && alpha == 1 && beta == 1 && (!g.has_input(2) || row_bias)) {
    const std::vector<ValueId> made =
        b.ops("LinearGradWeights", {g.x(0), g.dy()}, 2, {{"trans_w", trans_b}}, {true, g.needs(2)});
    g.set(1, made[0]);
    if (g.needs(2)) {
      g.set(2, made[1]);
    }
    return;
  }
  if (g.needs(1)) {
    const Attrs plain{{"alpha", alpha}, {"transA", 1 - trans_a}};
    const Attrs transposed{{"alpha", alpha}, {"transA", kOn}, {"transB", trans_a}};
    g.set(1, trans_b == 0 ? b.op("Gemm", {g.x(0), g.dy()}, plain)
                          : b.op("Gemm", {g.dy(), g.x(0)}, transposed));
  }
  if (g.needs(2)) {
    const Shape c_shape = g.shape(g.x(2));
    const ValueId dc = b.sum_to(g.dy(), c_shape);
    g.set(2, beta == 1 ? dc : b.scale(dc, beta));
  }
}

void infer_linear_grad_weights(InferContext& c) {
  c.require_same_dtype({0, 1});
  const Shape& x = c.shape(0);
  const Shape& dy = c.shape(1);
  c.check(x.rank() == 2 && dy.rank() == 2 && x[0] == dy[0], "LinearGradWeights of ", x, " and ",
          dy);
  const bool trans_w = c.attrs().get_int("trans_w", 0) != 0;
  c.attrs().set("trans_w", std::int64_t{trans_w});
  const DType type = weight_gradient_type(c);
  c.set_output(0, type, trans_w ? Shape{dy[1], x[1]} : Shape{x[1], dy[1]});
  c.set_output(1, type, Shape{dy[1]});
}

// dW = x^T dy (dy^T x with trans_w) and db = the sum of dy's rows; with the gradients e of dW and f
// of db:  dx = dy e^T (dy e),  d(dy) = x e + f (x e^T + f)
void linear_grad_weights_gradient(GradContext& g) {
  Builder& b = g.builder();
  const std::int64_t trans_w = g.attrs().get_int("trans_w", 0);
  if (g.needs(0) && g.has_dy(0)) {
    g.set(0, b.op("Gemm", {g.x(1), g.dy(0)}, {{"transB", 1 - trans_w}}));
  }
  if (!g.needs(1)) {
    return;
  }
  if (g.has_dy(0)) {
    std::vector<ValueId> inputs{g.x(0), g.dy(0)};
    if (g.has_dy(1)) {
      inputs.push_back(g.dy(1));
    }
    g.set(1, b.op("Gemm", std::move(inputs), {{"transB", trans_w}}));
  } else {
    g.set(1, b.expand(g.dy(1), g.shape(g.x(1))));
  }
}

std::vector<ValueId> write_linear_grad_weights(Builder& b, const Node& node,
                                               const std::vector<ValueId>& inputs) {
  const bool trans_w = node.attrs.get_int("trans_w", 0) != 0;
  const ValueId x = inputs[0], dy = inputs[1];
  std::vector<ValueId> made{trans_w ? b.op("Gemm", {dy, x}, {{"transA", kOn}})
                                    : b.op("Gemm", {x, dy}, {{"transA", kOn}})};
  if (node.outputs.size() > 1 && node.outputs[1].valid()) {
    made.push_back(b.reduce_sum(dy, {0}, false));
  }
  return made;
}

// 2 M K N: each element of A meets a row of B.
double matmul_work(const Graph& graph, const Node& node) {
  return 2 * element_count(graph, node.inputs[0]) * last_dim(graph, node.inputs[1]);
}

double gemm_work(const Graph& graph, const Node& node) {
  return 2 * element_count(graph, node.inputs[0]) * last_dim(graph, node.outputs[0]);
}

int batch_of_matmul(const BatchContext& c) {
  const Shape a = c.shape(0), b = c.shape(1);
  BatchAxis found;
  if (c.axis(0)) {
    c.check(*c.axis(0) != a.rank() - 1, "sums over the samples of a batch");
    found = c.aligned(0, b.rank() == 1 ? a.rank() - 1 : a.rank());
  }
  if (c.axis(1)) {
    c.check(b.rank() > 1 && *c.axis(1) != b.rank() - 2, "sums over the samples of a batch");
    const bool column = *c.axis(1) == b.rank() - 1;
    c.check(a.rank() > 1 || column, "multiplies the batch by a vector from the left");
    found = c.agreed(found, column ? c.output().rank() - 1 : c.aligned(1, b.rank()));
  }
  return *found;
}

int batch_of_gemm(const BatchContext& c) {
  c.check(c.axis(0) && !c.axis(1), "multiplies by the batch");
  c.check(*c.axis(0) == (c.number("transA") != 0 ? 1 : 0), "sums over the samples of a batch");
  if (c.axis(2)) {
    c.agreed(0, c.aligned(2, c.shape(2).rank()));
  }
  return 0;
}

}  // namespace

void register_matmul(OpRegistry& ops) {
  ops.add("MatMul")
      .batch(batch_of_matmul)
      .inputs(2, 2)
      .weight(0, "weight")
      .weight(1, "weight")
      .is_linear(Linear::kMatrix)
      .units_along(-1)
      .takes_relu()
      .work(matmul_work)
      .infer(infer_matmul)
      .gradient(matmul_gradient)
      .precision(PrecisionClass::kLow);
  ops.add("Gemm")
      .batch(batch_of_gemm)
      .inputs(2, 3)
      .weight(0, "weight")
      .weight(1, "weight")
      .bias(2, "bias")
      .is_linear(Linear::kMatrix, "transB")
      .units_along(-1)
      .takes_relu()
      .work(gemm_work)
      .infer(infer_gemm)
      .gradient(gemm_gradient)
      .precision(PrecisionClass::kLow);
  ops.add("LinearGradWeights")
      .inputs(2, 2)
      .widens()
      .work(matmul_work)
      .outputs(1, 2)
      .infer(infer_linear_grad_weights)
      .gradient(linear_grad_weights_gradient)
      .standard(write_linear_grad_weights)
      .precision(PrecisionClass::kLow)
      .internal();
}

}  // namespace temper::graph
