// Reference kernels of comparisons (any number type; Equal also bool) and of logic on bool.
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
  add_logic(table, "And", functors::And{});
  add_logic(table, "Or", functors::Or{});
  add_logic(table, "Xor", functors::Xor{});
  table.add("Not", kFamily, {}, [](const OpQuery& query) {
    return broadcast_kernel<bool, bool>(query, functors::Not{});
  });
}

}  // namespace temper::reference
