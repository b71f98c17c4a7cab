// TopK: sorts the indices of each line.
#include <algorithm>
#include <numeric>

#include "backends/reference/element_order.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct Lines {
  std::int64_t outer, dim, inner, picks;
};

template <class T>
std::unique_ptr<Kernel> top_k_kernel(const Lines& g, bool largest, bool gives_values,
                                     bool gives_indices) {
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    std::int64_t* order = static_cast<std::int64_t*>(args.workspace);
    for (std::int64_t line = 0; line < g.outer * g.inner; ++line) {
      const std::int64_t outer = line / g.inner, inner = line % g.inner;
      const T* from = x + outer * g.dim * g.inner + inner;
      const auto before = [&](std::int64_t a, std::int64_t b) {
        const auto left = comparable(from[a * g.inner]), right = comparable(from[b * g.inner]);
        const bool first = largest ? comes_before(right, left) : comes_before(left, right);
        const bool second = largest ? comes_before(left, right) : comes_before(right, left);
        return first || (!second && a < b);
      };
      std::iota(order, order + g.dim, std::int64_t{0});
      std::partial_sort(order, order + g.picks, order + g.dim, before);
      for (std::int64_t k = 0; k < g.picks; ++k) {
        const std::int64_t to = (outer * g.picks + k) * g.inner + inner;
        if (gives_values) {
          static_cast<T*>(args.outputs[0])[to] = from[order[k] * g.inner];
        }
        if (gives_indices) {
          static_cast<std::int64_t*>(args.outputs[1])[to] = order[k];
        }
      }
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(g.dim) * sizeof(std::int64_t);
  return kernel;
}

std::unique_ptr<Kernel> prepare_top_k(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", -1));
  const Lines lines{shape.count(0, axis), shape[axis], shape.count(axis + 1, shape.rank()),
                    query.attrs->get_ints("k").front()};
  const bool largest = query.attrs->get_int("largest", 1) != 0;
  return visit_any(query.inputs[0].dtype, [&]<class T>() {
    return top_k_kernel<T>(lines, largest, has_output(query, 0), has_output(query, 1));
  });
}

}  // namespace

void register_top_k(KernelTable& table) { table.add("TopK", "reference", {}, prepare_top_k); }

}  // namespace temper::reference
