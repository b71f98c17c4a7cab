#include "training/compile/step/gradient_penalty.h"

#include <algorithm>
#include <numeric>

#include "graph/autodiff/gradient.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

std::vector<std::int64_t> axes_from(int first, int rank) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(std::max(rank - first, 0)));
  std::iota(axes.begin(), axes.end(), first);
  return axes;
}

// The sum over the batch: samples do not mix, so row i of the gradient is that of sample i.
ValueId input_gradient(Builder& b, const Discriminator& discriminator, ValueId x) {
  const ValueId scores = discriminator(x);
  const std::vector<std::int64_t> axes = axes_from(0, b.shape(scores).rank());
  const ValueId total = axes.empty() ? scores : b.reduce_sum(scores, axes, false);
  return graph::gradient(b.graph(), total, std::vector{x}).front();
}

// |row|^2 of each sample, [N]
ValueId squared_norms(Builder& b, ValueId gradient) {
  const ValueId squares = b.mul(gradient, gradient);
  const std::vector<std::int64_t> axes = axes_from(1, b.shape(gradient).rank());
  return axes.empty() ? squares : b.reduce_sum(squares, axes, false);
}

ValueId batch_mean(Builder& b, ValueId rows) {
  return b.op("ReduceMean", {rows}, {{"axes", axes_from(0, 1)}, {"keepdims", std::int64_t{0}}});
}

}  // namespace

ValueId gradient_penalty(Builder& b, const Discriminator& discriminator, ValueId real, ValueId fake,
                         ValueId coefficients) {
  const DType dtype = b.dtype(real);
  const ValueId x = b.add(fake, b.mul(coefficients, b.sub(real, fake)));
  const ValueId squares = squared_norms(b, input_gradient(b, discriminator, x));
  // sqrt has no finite slope at 0: that row goes around it.
  const ValueId zero = b.scalar(dtype, 0);
  const ValueId one = b.scalar(dtype, 1);
  const ValueId positive = b.op("Greater", {squares, zero});
  const ValueId root = b.op("Sqrt", {b.op("Where", {positive, squares, one})});
  const ValueId off = b.sub(b.op("Where", {positive, root, zero}), one);
  return batch_mean(b, b.mul(off, off));
}

ValueId r1_penalty(Builder& b, const Discriminator& discriminator, ValueId real) {
  return b.scale(batch_mean(b, squared_norms(b, input_gradient(b, discriminator, real))), 0.5);
}

}  // namespace temper::training
