#include "graph/lowering/initial_values.h"

#include <cstdint>
#include <span>

#include "runtime/base/dtype.h"

namespace temper::graph {

void set_initial_value(VariableStore& store, int id, const Variable& variable) {
  const StoreVariable& target = store.variable(id);
  const bool in_file = !variable.initial.defined() && variable.stored != nullptr;
  if (in_file && target.dtype == variable.dtype && target.shape == variable.shape) {
    std::int64_t first = 0;
    store.fill(id, [&](std::span<std::byte> piece) {
      variable.stored->read(first, piece);
      first += static_cast<std::int64_t>(piece.size() / size_of(target.dtype));
    });
    return;
  }
  const Tensor value = initial_value(variable);
  if (value.defined()) {
    store.set(id, value);
  }
}

}  // namespace temper::graph
