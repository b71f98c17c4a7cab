// Reference kernels of the circular and hyperbolic functions and their inverses.
#include <cmath>

#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class F>
void add_unary(KernelTable& table, std::string_view op, F f) {
  add_float(table, op,
            [f]<class T>(const OpQuery& query) { return broadcast_kernel<T, T>(query, f); });
}

}  // namespace

void register_trigonometry(KernelTable& table) {
  add_unary(table, "Sin", [](auto x) { return std::sin(x); });
  add_unary(table, "Cos", [](auto x) { return std::cos(x); });
  add_unary(table, "Tan", [](auto x) { return std::tan(x); });
  add_unary(table, "Asin", [](auto x) { return std::asin(x); });
  add_unary(table, "Acos", [](auto x) { return std::acos(x); });
  add_unary(table, "Atan", [](auto x) { return std::atan(x); });
  add_unary(table, "Sinh", [](auto x) { return std::sinh(x); });
  add_unary(table, "Cosh", [](auto x) { return std::cosh(x); });
  add_unary(table, "Asinh", [](auto x) { return std::asinh(x); });
  add_unary(table, "Acosh", [](auto x) { return std::acosh(x); });
  add_unary(table, "Atanh", [](auto x) { return std::atanh(x); });
}

}  // namespace temper::reference
