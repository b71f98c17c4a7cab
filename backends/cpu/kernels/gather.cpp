// Gather of any type, and GatherGrad of f32 and f64: the gradient of an embedding. An index out of
// range is noted for whoever runs the kernel; Gather gives NaN there (0 for types without NaN),
// GatherGrad drops it.
#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "backends/host/gathered_rows.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kColumns = 256;  // columns of a row that one thread sums at a time

struct GatherPlan : GatheredRows {
  using GatheredRows::GatheredRows;

  int threads = 1;
};

template <class T, class I>
std::unique_ptr<Kernel> gather_kernel(const GatherPlan& g, T missing) {
  return make_kernel([g, missing](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    const I* indices = static_cast<const I*>(args.inputs[1]);
    T* y = static_cast<T*>(args.outputs[0]);
    parallel_ranges(g.threads, g.outer * g.picks, 1, [&](std::int64_t begin, std::int64_t end) {
      if (begin == end) {
        return;
      }
      std::int64_t pick = begin % g.picks, first = begin / g.picks * g.dim;
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t index = indices[pick];
        const std::int64_t row = g.row(index);
        T* to = y + i * g.inner;
        if (row < 0) {
          args.note_index(index, -g.dim, g.dim);
          std::fill(to, to + g.inner, missing);
        } else if (g.inner == 1) {
          *to = x[first + row];
        } else {
          std::copy_n(x + (first + row) * g.inner, g.inner, to);
        }
        if (++pick == g.picks) {
          pick = 0;
          first += g.dim;
        }
      }
    });
  });
}

std::unique_ptr<Kernel> prepare_gather(const OpQuery& query) {
  GatherPlan g(query, query.inputs[0].shape);
  g.threads = threads_for_elements(query.threads, query.outputs[0].shape.element_count());
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t missing = bits_of_missing(dtype);
  auto kernel = visit_bits(dtype, [&]<class T>() {
    return query.inputs[1].dtype == DType::kInt32
               ? gather_kernel<T, std::int32_t>(g, static_cast<T>(missing))
               : gather_kernel<T, std::int64_t>(g, static_cast<T>(missing));
  });
  kernel->description = "rows in parallel";
  return kernel;
}

// The picks in the order of the rows they name: picks of row r are order[ends[r - 1]] to
// order[ends[r] - 1], in the order of the indices.
struct SortedPicks {
  std::int64_t* ends;   // [dim + 1]
  std::int64_t* order;  // [picks]

  static std::size_t bytes(const GatherPlan& g) {
    return static_cast<std::size_t>(g.dim + 1 + g.picks) * sizeof(std::int64_t);
  }
  SortedPicks(const GatherPlan& g, void* workspace)
      : ends(static_cast<std::int64_t*>(workspace)), order(ends + g.dim + 1) {}

  template <class I>
  void sort(const GatherPlan& g, const I* indices, const KernelArgs& args) const {
    std::fill(ends, ends + g.dim + 1, 0);
    for (std::int64_t pick = 0; pick < g.picks; ++pick) {
      const std::int64_t row = g.row(indices[pick]);
      if (row < 0) {
        args.note_index(indices[pick], -g.dim, g.dim);
      } else {
        ++ends[row + 1];
      }
    }
    for (std::int64_t row = 0; row < g.dim; ++row) {
      ends[row + 1] += ends[row];
    }
    // ends[r] is where row r begins; filling moves it to where it ends.
    for (std::int64_t pick = 0; pick < g.picks; ++pick) {
      const std::int64_t row = g.row(indices[pick]);
      if (row >= 0) {
        order[ends[row]++] = pick;
      }
    }
  }
  std::int64_t begin(std::int64_t row) const { return row == 0 ? 0 : ends[row - 1]; }
  std::int64_t end(std::int64_t row) const { return ends[row]; }
};

template <class T>
void sum_rows(const GatherPlan& g, const SortedPicks& picks, const T* dy, std::int64_t row,
              std::int64_t first, std::int64_t count, T* dx) {
  const std::int64_t begin = picks.begin(row), end = picks.end(row);
  if (begin == end) {
    std::fill(dx, dx + count, T(0));
    return;
  }
  if (end == begin + 1) {
    const T* source = dy + picks.order[begin] * g.inner + first;
    for (std::int64_t i = 0; i < count; ++i) {
      dx[i] = source[i] + T(0);  // a sum that begins with 0 is never -0
    }
    return;
  }
  double totals[kColumns] = {};
  for (std::int64_t at = begin; at < end; ++at) {
    const T* source = dy + picks.order[at] * g.inner + first;
    if constexpr (std::is_same_v<T, float>) {
      add_to(totals, source, count);
    } else {
      for (std::int64_t i = 0; i < count; ++i) {
        totals[i] += source[i];
      }
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    dx[i] = static_cast<T>(totals[i]);
  }
}

// Sums in double, those of each element in the order of the indices, whatever the threads.
template <class T, class I>
std::unique_ptr<Kernel> gather_grad_kernel(const GatherPlan& g) {
  auto kernel = make_kernel([g](const KernelArgs& args) {
    const T* dy = static_cast<const T*>(args.inputs[0]);
    T* dx = static_cast<T*>(args.outputs[0]);
    const SortedPicks picks(g, args.workspace);
    picks.sort(g, static_cast<const I*>(args.inputs[1]), args);
    const std::int64_t blocks = (g.inner + kColumns - 1) / kColumns;
    const std::int64_t units = g.outer * g.dim * blocks;
    parallel_ranges(g.threads, units, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = i % blocks * kColumns;
        const std::int64_t line = i / blocks;
        const T* from = dy + line / g.dim * g.picks * g.inner;
        sum_rows(g, picks, from, line % g.dim, first, std::min(kColumns, g.inner - first),
                 dx + line * g.inner + first);
      }
    });
  });
  kernel->workspace_bytes = SortedPicks::bytes(g);
  kernel->description = "sorted by index";
  return kernel;
}

Support supports_gather_grad(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 || dtype == DType::kFloat64
             ? Support::yes()
             : Support::no(concat("only f32 and f64, not ", dtype));
}

std::unique_ptr<Kernel> prepare_gather_grad(const OpQuery& query) {
  GatherPlan g(query, query.outputs[0].shape);
  g.threads = threads_for_elements(query.threads, query.outputs[0].shape.element_count() +
                                                      query.inputs[0].shape.element_count());
  return visit_float(query.inputs[0].dtype, [&]<class T>() {
    return query.inputs[1].dtype == DType::kInt32 ? gather_grad_kernel<T, std::int32_t>(g)
                                                  : gather_grad_kernel<T, std::int64_t>(g);
  });
}

}  // namespace

void register_gather(KernelTable& table) {
  table.add("Gather", "cpu", {}, prepare_gather);
  table.add("GatherGrad", "cpu", supports_gather_grad, prepare_gather_grad);
}

}  // namespace temper::cpu
