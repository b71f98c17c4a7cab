// Compress: slices along an axis, or of all elements, at the places that attribute `picks` lists.
#include <algorithm>
#include <vector>

#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_compress(const OpQuery& query) {
  const Shape shape = query.attrs->has("axis") ? query.inputs[0].shape
                                               : Shape{query.inputs[0].shape.element_count()};
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const std::int64_t outer = shape.count(0, axis), dim = shape[axis];
  const std::int64_t inner = shape.count(axis + 1, shape.rank());
  const std::vector<std::int64_t> picks = query.attrs->get_ints("picks");
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t o = 0; o < outer; ++o) {
        for (const std::int64_t pick : picks) {
          y = std::copy_n(x + (o * dim + pick) * inner, inner, y);
        }
      }
    });
  });
}

}  // namespace

void register_compress(KernelTable& table) {
  table.add("Compress", "reference", {}, prepare_compress);
}

}  // namespace temper::reference
