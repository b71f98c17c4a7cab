// NonZero, NonMaxSuppression and Unique: what their shape rules found, in attributes.
#include <algorithm>
#include <array>

#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_found(const OpQuery& query) {
  return make_kernel([value = query.attrs->get_ints("value")](const KernelArgs& args) {
    std::copy(value.begin(), value.end(), static_cast<std::int64_t*>(args.outputs[0]));
  });
}

std::unique_ptr<Kernel> prepare_unique(const OpQuery& query) {
  const Shape shape = query.attrs->has("axis") ? query.inputs[0].shape
                                               : Shape{query.inputs[0].shape.element_count()};
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const std::int64_t outer = shape.count(0, axis), dim = shape[axis];
  const std::int64_t inner = shape.count(axis + 1, shape.rank());
  const std::array<std::vector<std::int64_t>, 3> found = {query.attrs->get_ints("indices"),
                                                          query.attrs->get_ints("inverse"),
                                                          query.attrs->get_ints("counts")};
  const std::array<bool, 4> wanted = {has_output(query, 0), has_output(query, 1),
                                      has_output(query, 2), has_output(query, 3)};
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t o = 0; wanted[0] && o < outer; ++o) {
        for (const std::int64_t first : found[0]) {
          y = std::copy_n(x + (o * dim + first) * inner, inner, y);
        }
      }
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (wanted[i + 1]) {
          std::copy(found[i].begin(), found[i].end(),
                    static_cast<std::int64_t*>(args.outputs[i + 1]));
        }
      }
    });
  });
}

}  // namespace

void register_unique(KernelTable& table) {
  table.add("NonZero", "reference", {}, prepare_found);
  table.add("NonMaxSuppression", "reference", {}, prepare_found);
  table.add("Unique", "reference", {}, prepare_unique);
}

}  // namespace temper::reference
