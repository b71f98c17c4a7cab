// Reference kernels of Sum and Mean of several tensors; sums are kept in double.
#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/variadic.h"

namespace temper::reference {

void register_sum_mean(KernelTable& table) {
  add_float(table, "Sum", []<class T>(const OpQuery& query) {
    return fold_kernel<T, double>(query, functors::Add{}, [](double sum) { return sum; });
  });
  add_float(table, "Mean", []<class T>(const OpQuery& query) {
    const double count = static_cast<double>(query.inputs.size());
    return fold_kernel<T, double>(query, functors::Add{},
                                  [count](double sum) { return sum / count; });
  });
}

}  // namespace temper::reference
