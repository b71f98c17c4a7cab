// Closed forms of convolution and pooling, written over coordinates of any rank, independent of the
// library's geometry: the expected padding and output sizes are given by the case.
#pragma once

#include <vector>

#include "tests/ops/closed_form.h"

namespace temper::op_suite {

using Ints = std::vector<std::int64_t>;

struct WindowForm {
  Ints kernel, stride, dilation;
  Ints pad_begin, pad_end;
  Ints out;  // spatial sizes
  std::int64_t group = 1;
};

// Calls f(kernel coordinates) for all of them.
template <class F>
void for_each_kernel(const Ints& kernel, F f) {
  const Shape shape{std::span<const std::int64_t>(kernel)};
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    f(coordinates(shape, i));
  }
}

// The spatial input coordinates behind output position `o` and kernel element `k`.
Ints tap(const WindowForm& form, const Ints& o, const Ints& k);
bool inside(const Ints& position, const Shape& shape);

// x, w, b? -> y
ClosedForm conv_form(const WindowForm& form);
// w, dy -> dx of this shape
ClosedForm conv_grad_data_form(const WindowForm& form, const Shape& x);
// x, dy -> dw of this shape, db
ClosedForm conv_grad_weights_form(const WindowForm& form, const Shape& w);

enum class PoolKind { kMax, kAverage, kAverageWithPadding };
ClosedForm pool_form(const WindowForm& form, PoolKind kind);
// dy -> dx of this shape
ClosedForm average_pool_grad_form(const WindowForm& form, PoolKind kind, const Shape& x);

}  // namespace temper::op_suite
