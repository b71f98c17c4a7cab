#include "training/compile/rank_variables.h"

#include "runtime/base/concat.h"
#include "runtime/base/fnv.h"

namespace temper::training {

void broadcast_variables(VariableStore& store, Communicator& ranks,
                         const std::function<bool(const StoreVariable&)>& wanted) {
  std::string text;
  for (int id = 0; id < store.count(); ++id) {
    const StoreVariable& variable = store.variable(id);
    text += concat(variable.name, " ", variable.dtype, " ", variable.shape, ";");
  }
  require_agreement(ranks, fnv1a64(text), "the set of variables");
  for (int id = 0; id < store.count(); ++id) {
    const StoreVariable& variable = store.variable(id);
    if (!wanted(variable)) {
      continue;
    }
    Tensor value = ranks.rank() == 0 ? store.get(id) : Tensor(variable.dtype, variable.shape);
    ranks.broadcast(
        {static_cast<std::byte*>(value.data()), static_cast<std::size_t>(value.bytes())});
    if (ranks.rank() != 0) {
      store.set(id, value);
    }
  }
}

}  // namespace temper::training
