// Loops of the reference elementwise kernels: a scalar function over inputs that broadcast to the
// output.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <tuple>
#include <utility>

#include "backends/common/index_math.h"
#include "runtime/backend/kernel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {

inline constexpr std::string_view kFamily = "reference";

// Output 0 may take the place of an input of its shape and element size.
inline void allow_inplace(Kernel& kernel, const OpQuery& query) {
  const TensorSpec& output = query.outputs[0];
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& input = query.inputs[i];
    if (input.present() && input.shape == output.shape &&
        size_of(input.dtype) == size_of(output.dtype)) {
      kernel.inplace.emplace_back(0, static_cast<int>(i));
    }
  }
}

// y[..] = f(x0[..], x1[..], ...): R is the type of y, Ts are those of the inputs.
template <class R, class... Ts, class F>
std::unique_ptr<Kernel> broadcast_kernel(const OpQuery& query, F f) {
  constexpr int kInputs = sizeof...(Ts);
  std::array<Shape, kInputs> shapes;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    shapes[i] = query.inputs[i].shape;
  }
  const auto plan = plan_broadcast<kInputs>(query.outputs[0].shape, shapes);
  auto kernel = make_kernel([plan, f](const KernelArgs& args) {
    R* y = static_cast<R*>(args.outputs[0]);
    for_each_run(plan, [&](std::int64_t out, std::int64_t length, const std::int64_t* offsets,
                           const std::int64_t* strides) {
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        const std::tuple<const Ts*...> x{static_cast<const Ts*>(args.inputs[I]) + offsets[I]...};
        for (std::int64_t i = 0; i < length; ++i) {
          y[out + i] = static_cast<R>(f(std::get<I>(x)[i * strides[I]]...));
        }
      }(std::make_index_sequence<kInputs>());
    });
  });
  allow_inplace(*kernel, query);
  return kernel;
}

// "Yes" when input `i` has a type that `allowed` accepts.
template <class Allowed>
KernelTable::SupportsFunction when_dtype(Allowed allowed, int i = 0) {
  return [allowed, i](const OpQuery& query) {
    const DType dtype = query.inputs[static_cast<std::size_t>(i)].dtype;
    return allowed(dtype) ? Support::yes()
                          : Support::no(concat("no reference arithmetic in ", to_string(dtype)));
  };
}

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

// The same for float, double and all integer types.
template <class Make>
void add_number(KernelTable& table, std::string_view op, Make make) {
  table.add(op, kFamily, when_dtype(is_number), [make](const OpQuery& query) {
    return visit_numeric(query.inputs[0].dtype,
                         [&]<class T>() { return make.template operator()<T>(query); });
  });
}

}  // namespace temper::reference
