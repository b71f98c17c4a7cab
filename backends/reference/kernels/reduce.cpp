// Reference kernels of ReduceSum, ReduceMean, ReduceMax, ReduceMin; sums of floats are kept in
// double, of integers in 64 bits. Nothing to reduce gives 0 for the sum, NaN for the mean, the
// type's lowest (highest) value for max (min).
#include <algorithm>
#include <limits>
#include <type_traits>

#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// The input is walked in order; the output is walked along with stride 0 over the reduced axes.
struct ReducePlan {
  BroadcastPlan<2> walk;  // the input itself, and the output broadcast to it
  std::int64_t outputs = 0;
  std::int64_t reduced = 1;  // elements behind one output

  explicit ReducePlan(const OpQuery& query) : outputs(query.outputs[0].shape.element_count()) {
    const Shape& input = query.inputs[0].shape;
    Shape kept = input;
    for (const std::int64_t axis : query.attrs->get_ints("axes")) {
      reduced *= input[static_cast<int>(axis)];
      kept[static_cast<int>(axis)] = 1;
    }
    walk = plan_broadcast<2>(input, {input, kept});
  }
};

// A: type of the accumulators, kept in the workspace.
template <class T, class A, class Fold, class Finish>
std::unique_ptr<Kernel> reduce_kernel(const OpQuery& query, A start, Fold fold, Finish finish) {
  const ReducePlan plan(query);
  auto kernel = make_kernel([plan, start, fold, finish](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    A* folded = static_cast<A*>(args.workspace);
    std::fill(folded, folded + plan.outputs, start);
    for_each_run(plan.walk, [&](std::int64_t in, std::int64_t length, const std::int64_t* offsets,
                                const std::int64_t* strides) {
      for (std::int64_t i = 0; i < length; ++i) {
        A& target = folded[offsets[1] + i * strides[1]];
        target = static_cast<A>(fold(target, static_cast<A>(x[in + i])));
      }
    });
    for (std::int64_t i = 0; i < plan.outputs; ++i) {
      y[i] = static_cast<T>(finish(folded[i], plan.reduced));
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(plan.outputs) * sizeof(A);
  return kernel;
}

template <class T>
using Accumulator =
    std::conditional_t<std::is_floating_point_v<T>, double,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

template <class T>
std::unique_ptr<Kernel> sum_kernel(const OpQuery& query) {
  using A = Accumulator<T>;
  return reduce_kernel<T, A>(query, A(0), functors::Add{}, [](A sum, std::int64_t) { return sum; });
}

template <class T>
std::unique_ptr<Kernel> mean_kernel(const OpQuery& query) {
  using A = Accumulator<T>;
  return reduce_kernel<T, A>(query, A(0), functors::Add{}, [](A sum, std::int64_t count) {
    return functors::Div{}(sum, static_cast<A>(count));
  });
}

// bool: max is "any", min is "all".
template <class T, class Fold>
std::unique_ptr<Kernel> extremum_kernel(const OpQuery& query, Fold fold, bool is_max) {
  using Limits = std::numeric_limits<T>;
  T start = is_max ? Limits::lowest() : Limits::max();
  if constexpr (std::is_floating_point_v<T>) {
    start = is_max ? -Limits::infinity() : Limits::infinity();
  }
  return reduce_kernel<T, T>(query, start, fold, [](T value, std::int64_t) { return value; });
}

template <class Fold>
void add_extremum(KernelTable& table, std::string_view op, Fold fold, bool is_max) {
  table.add(op, kFamily,
            when_dtype([](DType dtype) { return dtype == DType::kBool || is_number(dtype); }),
            [fold, is_max](const OpQuery& query) {
              if (query.inputs[0].dtype == DType::kBool) {
                return extremum_kernel<bool>(query, fold, is_max);
              }
              return visit_numeric(query.inputs[0].dtype, [&]<class T>() {
                return extremum_kernel<T>(query, fold, is_max);
              });
            });
}

}  // namespace

void register_reduce(KernelTable& table) {
  add_number(table, "ReduceSum",
             []<class T>(const OpQuery& query) { return sum_kernel<T>(query); });
  add_number(table, "ReduceMean",
             []<class T>(const OpQuery& query) { return mean_kernel<T>(query); });
  add_extremum(table, "ReduceMax", functors::Max{}, true);
  add_extremum(table, "ReduceMin", functors::Min{}, false);
}

}  // namespace temper::reference
