// Reference kernels of Floor, Ceil, Round and Mod. An integer modulo 0 is 0, as integer division
// by 0 is.
#include <cmath>

#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// a - trunc(a / b) b: the sign of a.
template <class T>
T truncated_mod(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fmod(a, b);
  } else if constexpr (std::is_signed_v<T>) {
    return b == 0 || b == T(-1) ? T(0) : static_cast<T>(a % b);
  } else {
    return b == 0 ? T(0) : static_cast<T>(a % b);
  }
}

// a - floor(a / b) b: the sign of b, a zero's too.
template <class T>
T floored_mod(T a, T b) {
  const T rest = truncated_mod(a, b);
  if constexpr (std::is_floating_point_v<T>) {
    if (rest == T(0)) {
      return std::copysign(T(0), b);
    }
  }
  return rest != T(0) && (rest < T(0)) != (b < T(0)) ? static_cast<T>(rest + b) : rest;
}

}  // namespace

void register_rounding(KernelTable& table) {
  add_float_unary(table, "Floor", [](auto x) { return std::floor(x); });
  add_float_unary(table, "Ceil", [](auto x) { return std::ceil(x); });
  add_float_unary(table, "Round", [](auto x) { return std::nearbyint(x); });
  add_number(table, "Mod", []<class T>(const OpQuery& query) {
    return query.attrs->get_int("fmod", 0) != 0 ? broadcast_kernel<T, T, T>(query, truncated_mod<T>)
                                                : broadcast_kernel<T, T, T>(query, floored_mod<T>);
  });
}

}  // namespace temper::reference
