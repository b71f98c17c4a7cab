// Reference kernels of CumSum and CumProd; floats are accumulated in double, integers in 64 bits.
#include <type_traits>

#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class T>
using Accumulator =
    std::conditional_t<std::is_floating_point_v<T>, double,
                       std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>>;

// Sums and products of integers wrap around, as unsigned ones do.
template <class A>
A combined(A a, A b, bool product) {
  if constexpr (std::is_floating_point_v<A>) {
    return product ? a * b : a + b;
  } else {
    const auto x = static_cast<std::uint64_t>(a);
    const auto y = static_cast<std::uint64_t>(b);
    return static_cast<A>(product ? x * y : x + y);
  }
}

template <class T>
std::unique_ptr<Kernel> cumulative_kernel(const OpQuery& query, bool product) {
  using A = Accumulator<T>;
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const bool exclusive = query.attrs->get_int("exclusive", 0) != 0;
  const bool reverse = query.attrs->get_int("reverse", 0) != 0;
  const std::int64_t outer = shape.count(0, axis);
  const std::int64_t length = shape[axis];
  const std::int64_t inner = shape.count(axis + 1, shape.rank());
  return make_kernel([=](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t line = 0; line < outer * inner; ++line) {
      const std::int64_t first = line / inner * length * inner + line % inner;
      A total = product ? A(1) : A(0);
      for (std::int64_t i = 0; i < length; ++i) {
        const std::int64_t at = first + (reverse ? length - 1 - i : i) * inner;
        const A next = combined(total, static_cast<A>(x[at]), product);
        y[at] = static_cast<T>(exclusive ? total : next);
        total = next;
      }
    }
  });
}

}  // namespace

void register_cumulative(KernelTable& table) {
  for (const bool product : {false, true}) {
    add_number(table, product ? "CumProd" : "CumSum", [product]<class T>(const OpQuery& query) {
      return cumulative_kernel<T>(query, product);
    });
  }
}

}  // namespace temper::reference
