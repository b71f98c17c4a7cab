// Reference kernels of ReduceSum, ReduceMean, ReduceProd, ReduceMax, ReduceMin; sums and products
// of floats are kept in double, of integers in 64 bits. Nothing to reduce gives 0 for the sum, 1
// for the product, NaN for the mean, the type's lowest (highest) value for max (min).
#include <algorithm>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include "backends/common/functors.h"
#include "backends/common/index_math.h"
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

// The loops of one reduction: the walk over them is one function for all types. The accumulators
// lie in the workspace.
struct ReduceLoops {
  std::size_t accumulator_bytes;
  std::function<void(void* folded, std::int64_t outputs)> start;
  RunFunction fold;  // the run's input 1 is the accumulators
  std::function<void(const KernelArgs& args, const ReducePlan& plan)> finish;
};

std::unique_ptr<Kernel> kernel_of_loops(const OpQuery& query, ReduceLoops loops) {
  const ReducePlan plan(query);
  const std::size_t bytes = static_cast<std::size_t>(plan.outputs) * loops.accumulator_bytes;
  auto kernel = make_kernel([plan, loops = std::move(loops)](const KernelArgs& args) {
    loops.start(args.workspace, plan.outputs);
    for_each_run(plan.walk, [&](std::int64_t in, std::int64_t length, const std::int64_t* offsets,
                                const std::int64_t* strides) {
      loops.fold(args, {in, length, offsets, strides});
    });
    loops.finish(args, plan);
  });
  kernel->workspace_bytes = bytes;
  return kernel;
}

// A: type of the accumulators.
template <class T, class A, class Fold, class Finish>
std::unique_ptr<Kernel> reduce_kernel(const OpQuery& query, A start, Fold fold, Finish finish) {
  ReduceLoops loops;
  loops.accumulator_bytes = sizeof(A);
  loops.start = [start](void* folded, std::int64_t outputs) {
    std::fill_n(static_cast<A*>(folded), outputs, start);
  };
  loops.fold = [fold](const KernelArgs& args, const Run& run) {
    const T* x = static_cast<const T*>(args.inputs[0]) + run.out;
    A* folded = static_cast<A*>(args.workspace) + run.offsets[1];
    const std::int64_t stride = run.strides[1];
    for (std::int64_t i = 0; i < run.length; ++i) {
      A& target = folded[i * stride];
      target = static_cast<A>(fold(target, static_cast<A>(x[i])));
    }
  };
  loops.finish = [finish](const KernelArgs& args, const ReducePlan& plan) {
    const A* folded = static_cast<const A*>(args.workspace);
    T* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < plan.outputs; ++i) {
      y[i] = static_cast<T>(finish(folded[i], plan.reduced));
    }
  };
  return kernel_of_loops(query, std::move(loops));
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
std::unique_ptr<Kernel> product_kernel(const OpQuery& query) {
  using A = Accumulator<T>;
  return reduce_kernel<T, A>(query, A(1), functors::Mul{},
                             [](A product, std::int64_t) { return product; });
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
  add_number(table, "ReduceProd",
             []<class T>(const OpQuery& query) { return product_kernel<T>(query); });
  add_extremum(table, "ReduceMax", functors::Max{}, true);
  add_extremum(table, "ReduceMin", functors::Min{}, false);
}

}  // namespace temper::reference
