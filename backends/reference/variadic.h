// The loop of ops with any number of inputs that broadcast to the output: folded from the left,
// element by element.
#pragma once

#include <memory>
#include <vector>

#include "backends/common/index_math.h"
#include "runtime/backend/kernel.h"

namespace temper::reference {

// y[..] = finish(fold(..fold(x0, x1).., xn)); the fold is kept in A.
template <class T, class A, class Fold, class Finish>
std::unique_ptr<Kernel> fold_kernel(const OpQuery& query, Fold fold, Finish finish) {
  const Shape shape = query.outputs[0].shape;
  std::vector<BroadcastPlan<1>> plans;  // one per input
  for (const TensorSpec& input : query.inputs) {
    plans.push_back(plan_broadcast<1>(shape, {input.shape}));
  }
  const std::int64_t count = shape.element_count();
  auto kernel = make_kernel([plans, count, fold, finish](const KernelArgs& args) {
    A* sums = static_cast<A*>(args.workspace);
    for (std::size_t n = 0; n < plans.size(); ++n) {
      const T* x = static_cast<const T*>(args.inputs[n]);
      for_each_run(plans[n], [&](std::int64_t out, std::int64_t length, const std::int64_t* offsets,
                                 const std::int64_t* strides) {
        for (std::int64_t i = 0; i < length; ++i) {
          const A value = static_cast<A>(x[offsets[0] + i * strides[0]]);
          sums[out + i] = n == 0 ? value : fold(sums[out + i], value);
        }
      });
    }
    T* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = static_cast<T>(finish(sums[i]));
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count) * sizeof(A);
  return kernel;
}

}  // namespace temper::reference
