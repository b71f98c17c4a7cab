// ReduceSum, ReduceMean, ReduceMax and ReduceMin of f32 and f64 over any axes. Sums are kept in
// double. What one accumulator takes, and in which order partial results are joined, follows from
// the shape alone.
#include <algorithm>
#include <array>
#include <concepts>
#include <limits>

#include "backends/common/functors.h"
#include "backends/cpu/channel_sums.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/reduce_loops.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kPart = 16384;   // elements of a row that one accumulator takes
constexpr std::int64_t kColumns = 256;  // columns that are summed at a time
constexpr std::int64_t kShortRow = 8;   // elements
constexpr std::int64_t kLeastParts = 16, kLeastRows = 64;

// Some axes of x: their dims and steps, outermost first.
struct AxisList {
  int count = 0;
  std::array<std::int64_t, kMaxRank> dims{}, steps{};

  void add(std::int64_t dim, std::int64_t step) {
    dims[static_cast<std::size_t>(count)] = dim;
    steps[static_cast<std::size_t>(count++)] = step;
  }
  std::int64_t total() const {
    std::int64_t product = 1;
    for (int i = 0; i < count; ++i) {
      product *= dims[static_cast<std::size_t>(i)];
    }
    return product;
  }
  std::int64_t offset(std::int64_t index) const {
    std::int64_t at = 0;
    for (int i = count - 1; i >= 0; --i) {
      const auto a = static_cast<std::size_t>(i);
      at += index % dims[a] * steps[a];
      index /= dims[a];
    }
    return at;
  }
};

// x as [kept.., reduced.., run], where the run is reduced (rows) or kept (columns).
struct ReducePlan {
  AxisList kept, reduced;
  bool rows = true;
  std::int64_t run = 1;
  std::int64_t outer = 1, repeats = 1;  // of the run: kept and reduced ones
  std::int64_t parts = 1;               // partial results of one output
  std::int64_t blocks = 1;              // of columns
  std::int64_t behind = 1;              // elements behind one output
  int threads = 1;

  std::int64_t outputs() const { return rows ? outer : outer * run; }
};

std::string plan_reduce(const OpQuery& query, ReducePlan& plan) {
  const TensorSpec& x = query.inputs[0];
  if (x.dtype != DType::kFloat32 && x.dtype != DType::kFloat64) {
    return concat("only f32 and f64, not ", x.dtype);
  }
  if (x.shape.element_count() == 0) {
    return "a tensor has no elements";
  }
  const auto axes = query.attrs->get_ints("axes");
  const Shape strides = row_major_strides(x.shape);
  // Groups of neighbouring axes of one kind, innermost first; axes of one element are of both.
  struct Group {
    std::int64_t dim, step;
    bool reduced;
  };
  std::array<Group, kMaxRank> groups{};
  std::size_t count = 0;
  for (int axis = x.shape.rank() - 1; axis >= 0; --axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (x.shape[axis] == 1) {
      continue;
    }
    if (count > 0 && groups[count - 1].reduced == reduced) {
      groups[count - 1].dim *= x.shape[axis];
    } else {
      groups[count++] = {x.shape[axis], strides[axis], reduced};
    }
  }
  if (count > 0) {
    plan.run = groups[0].dim;
    plan.rows = groups[0].reduced;
  }
  for (std::size_t i = count; i-- > 1;) {
    (groups[i].reduced ? plan.reduced : plan.kept).add(groups[i].dim, groups[i].step);
  }
  plan.outer = plan.kept.total();
  plan.repeats = plan.reduced.total();
  plan.behind = plan.rows ? plan.repeats * plan.run : plan.repeats;
  plan.threads = threads_for_elements(query.threads, x.shape.element_count());
  if (plan.rows) {
    plan.parts = plan.run > kPart ? plan.repeats * ((plan.run + kPart - 1) / kPart)
                                  : (plan.repeats + kPart / plan.run - 1) / (kPart / plan.run);
  } else {
    plan.blocks = (plan.run + kColumns - 1) / kColumns;
    const std::int64_t units = plan.outer * plan.blocks;
    if (units < kLeastParts) {
      const std::int64_t wanted = (kLeastParts + units - 1) / units;
      plan.parts = std::clamp<std::int64_t>(plan.repeats / kLeastRows, 1, wanted);
    }
  }
  return {};
}

// How elements T become one of type A.
template <class T>
struct Summing {
  using A = double;
  double divisor = 1;
  static A start() { return 0; }
  static A row(const T* x, std::int64_t n) { return sum(x, n); }
  static A join(A a, A b) { return a + b; }
  static void columns(A* totals, const T* x, std::int64_t n) { add_to(totals, x, n); }
  // Rows one after the other, `step` apart.
  static void rows(A* totals, const T* x, std::int64_t step, std::int64_t rows, std::int64_t n)
    requires std::same_as<T, float>
  {
    add_rows_to(totals, x, step, rows, n);
  }
  T finish(A total) const { return static_cast<T>(total / divisor); }
};

template <class T>
struct Raising {
  using A = T;
  static A start() { return -std::numeric_limits<T>::infinity(); }
  static A row(const T* x, std::int64_t n) { return largest(x, n); }
  static A join(A a, A b) { return functors::Max{}(a, b); }
  static void columns(A* totals, const T* x, std::int64_t n) { raise_to(totals, x, n); }
  T finish(A total) const { return total; }
};

template <class T>
struct Lowering {
  using A = T;
  static A start() { return std::numeric_limits<T>::infinity(); }
  static A row(const T* x, std::int64_t n) { return smallest(x, n); }
  static A join(A a, A b) { return functors::Min{}(a, b); }
  static void columns(A* totals, const T* x, std::int64_t n) { lower_to(totals, x, n); }
  T finish(A total) const { return total; }
};

// One part of an output: some whole runs, or a piece of one.
template <class T, class F>
typename F::A fold_part(const ReducePlan& plan, const T* x, std::int64_t part) {
  if (plan.run > kPart) {
    const std::int64_t pieces = (plan.run + kPart - 1) / kPart;
    const std::int64_t first = part % pieces * kPart;
    return F::row(x + plan.reduced.offset(part / pieces) + first,
                  std::min(kPart, plan.run - first));
  }
  const std::int64_t each = kPart / plan.run;
  const std::int64_t end = std::min(plan.repeats, (part + 1) * each);
  typename F::A total = F::start();
  for (std::int64_t r = part * each; r < end; ++r) {
    total = F::join(total, F::row(x + plan.reduced.offset(r), plan.run));
  }
  return total;
}

// Rows of a few elements, one behind the other: a call for each would take most of the time.
template <class T, class F>
void reduce_short_rows(const ReducePlan& plan, const F& f, const T* x, T* y) {
  using A = typename F::A;
  const auto reduce = [&](std::int64_t run) {
    parallel_ranges(plan.threads, plan.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        A total = F::start();
        for (std::int64_t j = 0; j < run; ++j) {
          total = F::join(total, static_cast<A>(x[i * run + j]));
        }
        y[i] = f.finish(total);
      }
    });
  };
  plan.run == 2 ? reduce(2) : reduce(plan.run);
}

template <class T, class F>
void reduce_rows(const ReducePlan& plan, const F& f, const KernelArgs& args) {
  using A = typename F::A;
  const T* x = static_cast<const T*>(args.inputs[0]);
  T* y = static_cast<T*>(args.outputs[0]);
  if (plan.run <= kShortRow && plan.reduced.count == 0) {
    return reduce_short_rows(plan, f, x, y);
  }
  A* partial = static_cast<A*>(args.workspace);
  parallel_ranges(plan.threads, plan.outer * plan.parts, 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const T* from = x + plan.kept.offset(i / plan.parts);
                      const A total = fold_part<T, F>(plan, from, i % plan.parts);
                      if (plan.parts == 1) {
                        y[i] = f.finish(total);
                      } else {
                        partial[i] = total;
                      }
                    }
                  });
  for (std::int64_t output = 0; plan.parts > 1 && output < plan.outer; ++output) {
    A total = F::start();
    for (std::int64_t part = 0; part < plan.parts; ++part) {
      total = F::join(total, partial[output * plan.parts + part]);
    }
    y[output] = f.finish(total);
  }
}

template <class T, class F>
void add_part(const ReducePlan& plan, const T* x, std::int64_t part, std::int64_t columns,
              typename F::A* totals) {
  const std::int64_t begin = plan.repeats * part / plan.parts;
  const std::int64_t end = plan.repeats * (part + 1) / plan.parts;
  if constexpr (requires { F::rows(totals, x, 0, 0, 0); }) {
    if (plan.reduced.count == 1) {
      const std::int64_t step = plan.reduced.steps[0];
      return F::rows(totals, x + begin * step, step, end - begin, columns);
    }
  }
  for (std::int64_t r = begin; r < end; ++r) {
    F::columns(totals, x + plan.reduced.offset(r), columns);
  }
}

// Unit: some columns of an output row and a part of the rows behind them.
template <class T, class F>
void reduce_columns(const ReducePlan& plan, const F& f, const KernelArgs& args) {
  using A = typename F::A;
  const T* x = static_cast<const T*>(args.inputs[0]);
  T* y = static_cast<T*>(args.outputs[0]);
  A* partial = static_cast<A*>(args.workspace);
  const std::int64_t units = plan.outer * plan.blocks;
  parallel_ranges(plan.threads, units * plan.parts, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t unit = i / plan.parts, part = i % plan.parts;
      const std::int64_t first = unit % plan.blocks * kColumns;
      const std::int64_t count = std::min(kColumns, plan.run - first);
      const std::int64_t output = unit / plan.blocks * plan.run + first;
      const T* from = x + plan.kept.offset(unit / plan.blocks) + first;
      A totals[kColumns];
      std::fill(totals, totals + count, F::start());
      add_part<T, F>(plan, from, part, count, totals);
      if (plan.parts > 1) {
        std::copy(totals, totals + count, partial + part * plan.outputs() + output);
        continue;
      }
      for (std::int64_t j = 0; j < count; ++j) {
        y[output + j] = f.finish(totals[j]);
      }
    }
  });
  for (std::int64_t i = 0; plan.parts > 1 && i < plan.outputs(); ++i) {
    A total = F::start();
    for (std::int64_t part = 0; part < plan.parts; ++part) {
      total = F::join(total, partial[part * plan.outputs() + i]);
    }
    y[i] = f.finish(total);
  }
}

template <class T, class F>
std::unique_ptr<Kernel> reduce_kernel(const ReducePlan& plan, const F& f) {
  auto kernel = make_kernel([plan, f](const KernelArgs& args) {
    if (plan.rows) {
      reduce_rows<T>(plan, f, args);
    } else {
      reduce_columns<T>(plan, f, args);
    }
  });
  if (plan.parts > 1) {
    kernel->workspace_bytes =
        static_cast<std::size_t>(plan.parts * plan.outputs()) * sizeof(typename F::A);
  }
  kernel->description = "vector";
  return kernel;
}

std::unique_ptr<Kernel> prepare_reduce(const OpQuery& query) {
  if (query.op == "ReduceSum") {
    if (auto kernel = channel_sum_kernel(query)) {
      return kernel;
    }
  }
  ReducePlan plan;
  const std::string reason = plan_reduce(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    if (query.op == "ReduceMax") {
      return reduce_kernel<T>(plan, Raising<T>{});
    }
    if (query.op == "ReduceMin") {
      return reduce_kernel<T>(plan, Lowering<T>{});
    }
    return reduce_kernel<T>(
        plan, Summing<T>{query.op == "ReduceMean" ? static_cast<double>(plan.behind) : 1.0});
  });
}

Support supports(const OpQuery& query) {
  if (query.op == "ReduceSum" && channel_sum_kernel(query) != nullptr) {
    return Support::yes();
  }
  ReducePlan plan;
  const std::string reason = plan_reduce(query, plan);
  return reason.empty() ? Support::yes() : Support::no(reason);
}

}  // namespace

void register_reduce(KernelTable& table) {
  for (const char* op : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"}) {
    table.add(op, "cpu", supports, prepare_reduce);
  }
}

}  // namespace temper::cpu
