// Reference kernel of Where: any element type.
#include "backends/reference/elementwise.h"

namespace temper::reference {

void register_where(KernelTable& table) {
  table.add("Where", kFamily, {}, [](const OpQuery& query) {
    return visit_bits(query.outputs[0].dtype, [&]<class T>() {
      return broadcast_kernel<T, bool, T, T>(query,
                                             [](bool chosen, T a, T b) { return chosen ? a : b; });
    });
  });
}

}  // namespace temper::reference
