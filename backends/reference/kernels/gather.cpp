// Gather and GatherGrad (scatter-add in the order of the indices, summed in double). An index out
// of range is noted for whoever runs the kernel, and reads and writes nothing outside the tensors:
// Gather gives NaN there (0 for types without NaN); GatherGrad drops it.
#include <algorithm>

#include "backends/host/gathered_rows.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

template <class T, class I>
std::unique_ptr<Kernel> gather_kernel(const GatheredRows& g, T missing) {
  return make_kernel([g, missing](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    const I* indices = static_cast<const I*>(args.inputs[1]);
    T* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t outer = 0; outer < g.outer; ++outer) {
      for (std::int64_t pick = 0; pick < g.picks; ++pick, y += g.inner) {
        const std::int64_t row = g.row(indices[pick]);
        if (row < 0) {
          args.note_index(indices[pick], -g.dim, g.dim);
          std::fill(y, y + g.inner, missing);
        } else {
          std::copy_n(x + (outer * g.dim + row) * g.inner, g.inner, y);
        }
      }
    }
  });
}

template <class T, class I>
std::unique_ptr<Kernel> gather_grad_kernel(const GatheredRows& g) {
  auto kernel = make_kernel([g](const KernelArgs& args) {
    const T* dy = static_cast<const T*>(args.inputs[0]);
    const I* indices = static_cast<const I*>(args.inputs[1]);
    T* dx = static_cast<T*>(args.outputs[0]);
    double* sums = static_cast<double*>(args.workspace);
    const std::int64_t count = g.outer * g.dim * g.inner;
    std::fill(sums, sums + count, 0.0);
    for (std::int64_t outer = 0; outer < g.outer; ++outer) {
      for (std::int64_t pick = 0; pick < g.picks; ++pick, dy += g.inner) {
        const std::int64_t row = g.row(indices[pick]);
        if (row < 0) {
          args.note_index(indices[pick], -g.dim, g.dim);
        }
        for (std::int64_t i = 0; row >= 0 && i < g.inner; ++i) {
          sums[(outer * g.dim + row) * g.inner + i] += convert_element<double>(dy[i]);
        }
      }
    }
    for (std::int64_t i = 0; i < count; ++i) {
      dx[i] = convert_element<T>(sums[i]);
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(g.outer * g.dim * g.inner) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_gather(const OpQuery& query) {
  const GatheredRows g(query, query.inputs[0].shape);
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t missing = bits_of_missing(dtype);
  return visit_bits(dtype, [&]<class T>() {
    return query.inputs[1].dtype == DType::kInt32
               ? gather_kernel<T, std::int32_t>(g, static_cast<T>(missing))
               : gather_kernel<T, std::int64_t>(g, static_cast<T>(missing));
  });
}

Support supports_gather_grad(const OpQuery& query) {
  return is_float(query.inputs[0].dtype) ? Support::yes()
                                         : Support::no("only float types have gradients");
}

std::unique_ptr<Kernel> prepare_gather_grad(const OpQuery& query) {
  const GatheredRows g(query, query.outputs[0].shape);
  return visit_any_float(query.inputs[0].dtype, [&]<class T>() {
    return query.inputs[1].dtype == DType::kInt32 ? gather_grad_kernel<T, std::int32_t>(g)
                                                  : gather_grad_kernel<T, std::int64_t>(g);
  });
}

}  // namespace

void register_gather(KernelTable& table) {
  table.add("Gather", "reference", {}, prepare_gather);
  table.add("GatherGrad", "reference", supports_gather_grad, prepare_gather_grad);
}

}  // namespace temper::reference
