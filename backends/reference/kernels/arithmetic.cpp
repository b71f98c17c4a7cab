// Reference kernels of Add, Sub, Mul, Div, Neg, Abs, Sign.
#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class F>
void add_binary(KernelTable& table, std::string_view op, F f) {
  add_number(table, op,
             [f]<class T>(const OpQuery& query) { return broadcast_kernel<T, T, T>(query, f); });
}

template <class F>
void add_unary(KernelTable& table, std::string_view op, F f) {
  add_number(table, op,
             [f]<class T>(const OpQuery& query) { return broadcast_kernel<T, T>(query, f); });
}

}  // namespace

void register_arithmetic(KernelTable& table) {
  add_binary(table, "Add", functors::Add{});
  add_binary(table, "Sub", functors::Sub{});
  add_binary(table, "Mul", functors::Mul{});
  add_binary(table, "Div", functors::Div{});
  add_unary(table, "Neg", functors::Neg{});
  add_unary(table, "Abs", functors::Abs{});
  add_unary(table, "Sign", functors::Sign{});
}

}  // namespace temper::reference
