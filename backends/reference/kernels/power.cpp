// Reference kernels of Pow, Sqrt, Exp, Log, Reciprocal, Erf.
#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// The exponent has a type of its own; it is brought to the base's where that is a float.
template <class T, class E>
std::unique_ptr<Kernel> pow_kernel(const OpQuery& query) {
  return broadcast_kernel<T, T, E>(query, [](T x, E exponent) {
    if constexpr (std::is_floating_point_v<T>) {
      return functors::Pow{}(x, static_cast<T>(exponent));
    } else {
      return functors::IntegerPow{}(x, exponent);
    }
  });
}

Support supports_pow(const OpQuery& query) {
  for (const TensorSpec& input : query.inputs) {
    if (!is_number(input.dtype)) {
      return Support::no(concat("no reference arithmetic in ", to_string(input.dtype)));
    }
  }
  return Support::yes();
}

std::unique_ptr<Kernel> prepare_pow(const OpQuery& query) {
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() {
    return visit_numeric(query.inputs[1].dtype, [&]<class E>() { return pow_kernel<T, E>(query); });
  });
}

}  // namespace

void register_power(KernelTable& table) {
  table.add("Pow", kFamily, supports_pow, prepare_pow);
  add_float_unary(table, "Sqrt", functors::Sqrt{});
  add_float_unary(table, "Exp", functors::Exp{});
  add_float_unary(table, "Log", functors::Log{});
  add_float_unary(table, "Reciprocal", functors::Reciprocal{});
  add_float_unary(table, "Erf", functors::Erf{});
  add_float(table, "ErfGrad", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T>(query, functors::ErfGrad{});
  });
}

}  // namespace temper::reference
