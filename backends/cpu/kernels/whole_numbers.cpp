// Elementwise ops of i32 and i64, with broadcasting: positions, labels, counts, and the masks that
// are made of them.
#include <array>
#include <tuple>
#include <type_traits>
#include <utility>

#include "backends/common/functors.h"
#include "backends/common/index_math.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

bool is_whole(DType dtype) { return dtype == DType::kInt32 || dtype == DType::kInt64; }

template <class F>
decltype(auto) visit_whole(DType dtype, const F& f) {
  return dtype == DType::kInt32 ? f.template operator()<std::int32_t>()
                                : f.template operator()<std::int64_t>();
}

// Calls f(first element of the output, count, offsets of the inputs) for parts of runs along the
// plan's last axis.
template <int N, class F>
void for_parts(const BroadcastPlan<N>& plan, std::int64_t begin, std::int64_t end, const F& f) {
  const int last = plan.rank - 1;
  while (begin < end) {
    std::array<std::int64_t, N> offsets{};
    std::int64_t rest = begin;
    const std::int64_t within = rest % plan.dims[last];
    for (int axis = last; axis >= 0; --axis) {
      for (std::size_t i = 0; i < offsets.size(); ++i) {
        offsets[i] += rest % plan.dims[axis] * plan.strides[i][axis];
      }
      rest /= plan.dims[axis];
    }
    const std::int64_t count = std::min(end - begin, plan.dims[last] - within);
    f(begin, count, offsets);
    begin += count;
  }
}

// y[..] = f(x0[..], x1[..], ...): R is the type of y, Ts are those of the inputs.
template <class R, class... Ts, class F>
std::unique_ptr<Kernel> elementwise(const OpQuery& query, F f) {
  constexpr int kInputs = sizeof...(Ts);
  std::array<Shape, kInputs> shapes;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    shapes[i] = query.inputs[i].shape;
  }
  const auto plan = plan_broadcast<kInputs>(query.outputs[0].shape, shapes);
  const int threads = threads_for_elements(query.threads, plan.count);
  auto kernel = make_kernel([plan, threads, f](const KernelArgs& args) {
    constexpr std::int64_t kGrain = 1024;
    parallel_ranges(threads, plan.count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      for_parts<kInputs>(
          plan, begin, end,
          [&](std::int64_t first, std::int64_t count,
              const std::array<std::int64_t, kInputs>& offsets) {
            [&]<std::size_t... I>(std::index_sequence<I...>) {
              R* y = static_cast<R*>(args.outputs[0]) + first;
              const std::tuple<const Ts*...> x{static_cast<const Ts*>(args.inputs[I]) +
                                               offsets[I]...};
              const std::array<std::int64_t, kInputs> steps{plan.strides[I][plan.rank - 1]...};
              for (std::int64_t i = 0; i < count; ++i) {
                y[i] = f(std::get<I>(x)[i * steps[I]]...);
              }
            }(std::index_sequence_for<Ts...>());
          });
    });
  });
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    if (shapes[i] == query.outputs[0].shape && query.inputs[i].dtype == query.outputs[0].dtype) {
      kernel->inplace.emplace_back(0, static_cast<int>(i));
    }
  }
  kernel->description = "whole numbers";
  return kernel;
}

// For queries of `inputs` inputs, the last of which is i32 or i64; f32 has rows of its own.
auto of_whole_numbers(std::size_t inputs) {
  return [inputs](const OpQuery& query) {
    const DType dtype = query.inputs.back().dtype;
    if (query.inputs.size() != inputs || !query.inputs.back().present()) {
      return Support::no(concat("takes ", inputs, " inputs"));
    }
    return is_whole(dtype) ? Support::yes() : Support::not_concerned();
  };
}

template <class F>
void add_unary(KernelTable& table, std::string_view op, F f) {
  table.add(op, "cpu", of_whole_numbers(1), [f](const OpQuery& query) {
    return visit_whole(query.inputs[0].dtype,
                       [&]<class T>() { return elementwise<T, T>(query, f); });
  });
}

// A functor that gives a number of the operands' type, or the truth.
template <class F>
void add_binary(KernelTable& table, std::string_view op, F f) {
  table.add(op, "cpu", of_whole_numbers(2), [f](const OpQuery& query) {
    return visit_whole(query.inputs[0].dtype, [&]<class T>() {
      return elementwise<std::invoke_result_t<F, T, T>, T, T>(query, f);
    });
  });
}

}  // namespace

void register_whole_numbers(KernelTable& table) {
  add_unary(table, "Neg", functors::Neg{});
  add_unary(table, "Abs", functors::Abs{});
  add_unary(table, "Sign", functors::Sign{});
  add_binary(table, "Add", functors::Add{});
  add_binary(table, "Sub", functors::Sub{});
  add_binary(table, "Mul", functors::Mul{});
  add_binary(table, "Div", functors::Div{});
  add_binary(table, "Max", functors::Max{});
  add_binary(table, "Min", functors::Min{});
  add_binary(table, "Equal", functors::Equal{});
  add_binary(table, "Less", functors::Less{});
  add_binary(table, "LessOrEqual", functors::LessOrEqual{});
  add_binary(table, "Greater", functors::Greater{});
  add_binary(table, "GreaterOrEqual", functors::GreaterOrEqual{});
  table.add("Where", "cpu", of_whole_numbers(3), [](const OpQuery& query) {
    return visit_whole(query.outputs[0].dtype, [&]<class T>() {
      return elementwise<T, bool, T, T>(query,
                                        [](bool chosen, T a, T b) { return chosen ? a : b; });
    });
  });
}

}  // namespace temper::cpu
