// Reference kernels of comparisons (any number type; Equal also bool), of IsNaN and IsInf, and of
// logic on bool.
#include <cmath>

#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class F>
void add_order(KernelTable& table, std::string_view op, F f) {
  add_number(table, op,
             [f]<class T>(const OpQuery& query) { return broadcast_kernel<bool, T, T>(query, f); });
}

template <class F>
void add_logic(KernelTable& table, std::string_view op, F f) {
  table.add(op, kFamily, {},
            [f](const OpQuery& query) { return broadcast_kernel<bool, bool, bool>(query, f); });
}

std::unique_ptr<Kernel> prepare_equal(const OpQuery& query) {
  if (query.inputs[0].dtype == DType::kBool) {
    return broadcast_kernel<bool, bool, bool>(query, functors::Equal{});
  }
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() {
    return broadcast_kernel<bool, T, T>(query, functors::Equal{});
  });
}

}  // namespace

void register_comparison(KernelTable& table) {
  table.add("Equal", kFamily,
            when_dtype([](DType dtype) { return dtype == DType::kBool || is_number(dtype); }),
            prepare_equal);
  add_order(table, "Less", functors::Less{});
  add_order(table, "LessOrEqual", functors::LessOrEqual{});
  add_order(table, "Greater", functors::Greater{});
  add_order(table, "GreaterOrEqual", functors::GreaterOrEqual{});
  add_float(table, "IsNaN", []<class T>(const OpQuery& query) {
    return broadcast_kernel<bool, T>(query, [](T x) { return std::isnan(x); });
  });
  add_float(table, "IsInf", []<class T>(const OpQuery& query) {
    const bool negative = query.attrs->get_int("detect_negative", 1) != 0;
    const bool positive = query.attrs->get_int("detect_positive", 1) != 0;
    return broadcast_kernel<bool, T>(
        query, [=](T x) { return std::isinf(x) && (x < T(0) ? negative : positive); });
  });
  add_logic(table, "And", functors::And{});
  add_logic(table, "Or", functors::Or{});
  add_logic(table, "Xor", functors::Xor{});
  table.add("Not", kFamily, {}, [](const OpQuery& query) {
    return broadcast_kernel<bool, bool>(query, functors::Not{});
  });
}

}  // namespace temper::reference
