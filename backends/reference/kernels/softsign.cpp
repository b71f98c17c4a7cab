// Reference kernel of Softsign, the example of graph/ops/README.md.
#include <cmath>

#include "backends/reference/elementwise.h"

namespace temper::reference {

void register_softsign(KernelTable& table) {
  add_float(table, "Softsign", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(query, [](T x) { return x / (T(1) + std::abs(x)); });
  });
}

}  // namespace temper::reference
