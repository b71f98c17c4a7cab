// Reference kernels of Swish, Mish, SwiGLU, PRelu, ThresholdedRelu, Shrink.
#include <cmath>

#include "backends/common/activations.h"
#include "backends/common/functors.h"
#include "backends/host/cast_element.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class T>
T alpha_of(const OpQuery& query) {
  return static_cast<T>(query.attrs->get_double("alpha", 1));
}

// Integers are compared and moved as the real numbers they are, then cut.
template <class T>
std::unique_ptr<Kernel> shrink_kernel(const OpQuery& query) {
  using Real = std::conditional_t<std::is_floating_point_v<T>, T, double>;
  const Real bound = static_cast<Real>(query.attrs->get_double("lambd", 0.5));
  const Real bias = static_cast<Real>(query.attrs->get_double("bias", 0));
  return broadcast_kernel<T, T>(query, [=](T x) {
    const Real real = static_cast<Real>(x);
    const Real y = real < -bound ? real + bias : real > bound ? real - bias : Real(0);
    if constexpr (std::is_floating_point_v<T>) {
      return y;
    } else {
      return cast_element<T>(y);
    }
  });
}

}  // namespace

void register_composed_activation(KernelTable& table) {
  using functors::Sigmoid;
  add_float(table, "Swish", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(
        query, [alpha = alpha_of<T>(query)](T x) { return x * Sigmoid{}(alpha * x); });
  });
  add_float(table, "SwiGLU", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T>(
        query, [alpha = alpha_of<T>(query)](T a, T b) { return a * Sigmoid{}(alpha * a) * b; });
  });
  add_float(table, "Mish", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(query,
                                  [](T x) { return x * std::tanh(functors::Softplus{}(x)); });
  });
  add_float(table, "ThresholdedRelu", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(
        query, [alpha = alpha_of<T>(query)](T x) { return x > alpha ? x : T(0); });
  });
  add_number(table, "PRelu", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T, T>(
        query, [](T x, T slope) { return x > T(0) ? x : functors::Mul{}(slope, x); });
  });
  add_number(table, "Shrink",
             []<class T>(const OpQuery& query) { return shrink_kernel<T>(query); });
}

}  // namespace temper::reference
