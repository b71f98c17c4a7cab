// Trilu and EyeLike.
#include "backends/host/cast_element.h"
#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_trilu(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const std::int64_t rows = shape[shape.rank() - 2], columns = shape[shape.rank() - 1];
  const std::int64_t count = shape.element_count();
  const std::int64_t k = query.attrs->get_ints("k").front();
  const bool upper = query.attrs->get_int("upper", 1) != 0;
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t at = 0; at < count; ++at) {
        const std::int64_t i = at / columns % rows, j = at % columns;
        y[at] = (upper ? j - i >= k : j - i <= k) ? x[at] : T(0);
      }
    });
    kernel->inplace = {{0, 0}};
    return kernel;
  });
}

std::unique_ptr<Kernel> prepare_eye_like(const OpQuery& query) {
  const Shape& shape = query.outputs[0].shape;
  const std::int64_t rows = shape[0], columns = shape[1];
  const std::int64_t k = query.attrs->get_int("k", 0);
  return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          y[i * columns + j] = cast_element<T>(static_cast<float>(j - i == k));
        }
      }
    });
  });
}

}  // namespace

void register_trilu(KernelTable& table) {
  table.add("Trilu", "reference", {}, prepare_trilu);
  table.add("EyeLike", "reference", {}, prepare_eye_like);
}

}  // namespace temper::reference
