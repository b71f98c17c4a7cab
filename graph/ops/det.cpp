// Det: the determinants of square matrices [.., n, n].
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// The recursion below loses digits, and takes n products.
constexpr std::int64_t kLargestDifferentiated = 16;

void infer_det(InferContext& c) {
  require_float(c);
  const Shape x = c.shape(0);
  c.check(x.rank() >= 2 && x[x.rank() - 1] == x[x.rank() - 2], "the input has the shape ", x,
          ", expected square matrices [.., n, n]");
  c.set_output(0, c.dtype(0), Shape(x.dims().first(x.dims().size() - 2)));
}

// Faddeev and LeVerrier: M_1 = 1, M_k+1 = A M_k - 1 tr(A M_k) / k, det A = (-1)^(n+1) tr(A M_n) /
// n. Only sums and products of the elements, so the gradient exists at singular matrices too.
std::vector<ValueId> expand_det(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  const ValueId a = inputs[0];
  const Shape shape = b.shape(a);
  const std::int64_t n = shape[shape.rank() - 1];
  const DType type = b.dtype(a);
  TEMPER_CHECK(n <= kLargestDifferentiated, ErrorCode::kUnsupported, "the gradient of Det of ", n,
               " x ", n, " matrices is not supported; those of up to ", kLargestDifferentiated,
               " rows are");
  const Shape y = b.shape(node.outputs[0]);
  if (n == 0) {
    return {b.expand(b.scalar(type, 1), y)};
  }
  std::vector<double> identity(static_cast<std::size_t>(n * n), 0);
  for (std::int64_t i = 0; i < n; ++i) {
    identity[static_cast<std::size_t>(i * (n + 1))] = 1;
  }
  const ValueId one = b.graph().add_constant({}, Tensor::from<double>(type, {n, n}, identity));
  const std::vector<std::int64_t> last = {shape.rank() - 2, shape.rank() - 1};
  ValueId product = a;  // A M_k
  ValueId trace;
  for (std::int64_t k = 1;; ++k) {
    trace = b.scale(b.reduce_sum(b.mul(product, one), last, true), 1 / static_cast<double>(k));
    if (k == n) {
      break;
    }
    product = b.op("MatMul", {a, b.sub(product, b.mul(trace, one))});
  }
  return {b.reshape(n % 2 == 0 ? b.neg(trace) : trace, y)};
}

int batch_of_det(const BatchContext& c) {
  c.check(c.data_axis() < c.shape(0).rank() - 2, "is a determinant along the batch");
  return c.data_axis();
}

}  // namespace

void register_det(OpRegistry& ops) {
  ops.add("Det").batch(batch_of_det).infer(infer_det).expands(expand_wide<expand_det>);
}

}  // namespace temper::graph
