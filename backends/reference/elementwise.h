// Loops of the reference elementwise kernels: a scalar function over inputs that broadcast to the
// output.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <tuple>
#include <utility>

#include "runtime/backend/kernel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {

inline constexpr std::string_view kFamily = "reference";

// Elements of the output that lie one after the other, and where each input's are.
struct Run {
  std::int64_t out;  // the first one's place in the output
  std::int64_t length;
  const std::int64_t* offsets;  // the first one's place in each input
  const std::int64_t* strides;  // in elements; 0 where an input is repeated
};
using RunFunction = std::function<void(const KernelArgs& args, const Run& run)>;

// A kernel that calls `run` for all runs of the output, to which its 1 to 3 inputs broadcast. The
// walk is one function for all types and ops; only the inner loop is made for each.
std::unique_ptr<Kernel> kernel_of_runs(const OpQuery& query, int inputs, RunFunction run);

// y[..] = f(x0[..], x1[..], ...): R is the type of y, Ts are those of the inputs.
template <class R, class... Ts, class F>
std::unique_ptr<Kernel> broadcast_kernel(const OpQuery& query, F f) {
  return kernel_of_runs(query, sizeof...(Ts), [f](const KernelArgs& args, const Run& run) {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      R* y = static_cast<R*>(args.outputs[0]) + run.out;
      const std::tuple<const Ts*...> x{static_cast<const Ts*>(args.inputs[I]) + run.offsets[I]...};
      const std::array<std::int64_t, sizeof...(Ts)> strides{run.strides[I]...};
      for (std::int64_t i = 0; i < run.length; ++i) {
        y[i] = static_cast<R>(f(std::get<I>(x)[i * std::get<I>(strides)]...));
      }
    }(std::index_sequence_for<Ts...>());
  });
}

// "Yes" when input `i` has a type that `allowed` accepts.
KernelTable::SupportsFunction when_dtype(bool (*allowed)(DType), int i = 0);

inline bool is_wide_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64;
}
inline bool is_number(DType dtype) { return is_wide_float(dtype) || is_integer(dtype); }

// A kernel of float and double arithmetic; `make` is called as make.operator()<T>(query).
template <class Make>
void add_float(KernelTable& table, std::string_view op, Make make) {
  table.add(op, kFamily, when_dtype(is_wide_float), [make](const OpQuery& query) {
    return visit_float(query.inputs[0].dtype,
                       [&]<class T>() { return make.template operator()<T>(query); });
  });
}

// An op of one operand by `f`, for float and double.
template <class F>
void add_float_unary(KernelTable& table, std::string_view op, F f) {
  add_float(table, op,
            [f]<class T>(const OpQuery& query) { return broadcast_kernel<T, T>(query, f); });
}

// As add_float(), for float, double and all integer types.
template <class Make>
void add_number(KernelTable& table, std::string_view op, Make make) {
  table.add(op, kFamily, when_dtype(is_number), [make](const OpQuery& query) {
    return visit_numeric(query.inputs[0].dtype,
                         [&]<class T>() { return make.template operator()<T>(query); });
  });
}

}  // namespace temper::reference
