// Cast and CastLike: element by element, see cast_element.h.
#include "backends/reference/cast_element.h"
#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_cast(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  return visit_any(query.inputs[0].dtype, [&]<class S>() -> std::unique_ptr<Kernel> {
    return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
      return make_kernel([count](const KernelArgs& args) {
        const S* x = static_cast<const S*>(args.inputs[0]);
        T* y = static_cast<T*>(args.outputs[0]);
        for (std::int64_t i = 0; i < count; ++i) {
          y[i] = cast_element<T>(x[i]);
        }
      });
    });
  });
}

}  // namespace

void register_cast(KernelTable& table) {
  table.add("Cast", "reference", {}, prepare_cast);
  table.add("CastLike", "reference", {}, prepare_cast);
}

}  // namespace temper::reference
