// Reference kernels of the circular and hyperbolic functions and their inverses.
#include <cmath>

#include "backends/reference/elementwise.h"

namespace temper::reference {
void register_trigonometry(KernelTable& table) {
  add_float_unary(table, "Sin", [](auto x) { return std::sin(x); });
  add_float_unary(table, "Cos", [](auto x) { return std::cos(x); });
  add_float_unary(table, "Tan", [](auto x) { return std::tan(x); });
  add_float_unary(table, "Asin", [](auto x) { return std::asin(x); });
  add_float_unary(table, "Acos", [](auto x) { return std::acos(x); });
  add_float_unary(table, "Atan", [](auto x) { return std::atan(x); });
  add_float_unary(table, "Sinh", [](auto x) { return std::sinh(x); });
  add_float_unary(table, "Cosh", [](auto x) { return std::cosh(x); });
  add_float_unary(table, "Asinh", [](auto x) { return std::asinh(x); });
  add_float_unary(table, "Acosh", [](auto x) { return std::acosh(x); });
  add_float_unary(table, "Atanh", [](auto x) { return std::atanh(x); });
}

}  // namespace temper::reference
