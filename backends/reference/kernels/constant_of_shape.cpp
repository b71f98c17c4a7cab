// Shape, Size, ConstantOfShape, Range: small tensors from attributes and scalars.
#include <algorithm>

#include "backends/host/cast_element.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/narrow_types.h"

namespace temper::reference {
namespace {

// The attribute `value` as i64.
std::unique_ptr<Kernel> prepare_shape(const OpQuery& query) {
  return make_kernel([value = query.attrs->get_ints("value")](const KernelArgs& args) {
    std::copy(value.begin(), value.end(), static_cast<std::int64_t*>(args.outputs[0]));
  });
}

std::unique_ptr<Kernel> prepare_constant_of_shape(const OpQuery& query) {
  const std::int64_t count = query.outputs[0].shape.element_count();
  const AttrValue* value = query.attrs->find("value");
  if (is_narrow(query.outputs[0].dtype)) {
    const std::uint8_t code =
        narrow_code(query.outputs[0].dtype, query.attrs->get_double("value", 0));
    return make_kernel([count, code](const KernelArgs& args) {
      std::fill_n(static_cast<std::uint8_t*>(args.outputs[0]), count, code);
    });
  }
  return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    const auto* integer = value == nullptr ? nullptr : std::get_if<std::int64_t>(value);
    const T fill = integer != nullptr ? cast_element<T>(*integer)
                                      : cast_element<T>(query.attrs->get_double("value", 0));
    return make_kernel([count, fill](const KernelArgs& args) {
      std::fill_n(static_cast<T*>(args.outputs[0]), count, fill);
    });
  });
}

// start + i * delta: floats in double, integers modulo 2^bits.
std::unique_ptr<Kernel> prepare_range(const OpQuery& query) {
  const std::int64_t count = query.outputs[0].shape.element_count();
  return visit_any(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([count](const KernelArgs& args) {
      const T start = *static_cast<const T*>(args.inputs[0]);
      const T delta = *static_cast<const T*>(args.inputs[2]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < count; ++i) {
        if constexpr (std::is_integral_v<T>) {
          y[i] = static_cast<T>(static_cast<std::uint64_t>(start) +
                                static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(delta));
        } else {
          y[i] = convert_element<T>(convert_element<double>(start) +
                                    static_cast<double>(i) * convert_element<double>(delta));
        }
      }
    });
  });
}

}  // namespace

void register_constant_of_shape(KernelTable& table) {
  table.add("Shape", "reference", {}, prepare_shape);
  table.add("Size", "reference", {}, prepare_shape);
  table.add("ConstantOfShape", "reference", {}, prepare_constant_of_shape);
  table.add("Range", "reference", {}, prepare_range);
}

}  // namespace temper::reference
