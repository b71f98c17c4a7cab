#include "training/compile/step/snapshot.h"

#include "runtime/base/low_copy.h"

namespace temper::training {
namespace {

// Calls f(variable, its copy).
template <class F>
void for_each_pair(VariableStore& store, const F& f) {
  for (int i = 0; i < store.count(); ++i) {
    const int copy = store.find(VariableIdentity::beside(i, VariableKind::kSnapshot));
    if (copy >= 0) {
      f(i, copy);
    }
  }
}

}  // namespace

bool belongs_to_snapshot(const StoreVariable& variable) {
  if (is_low_copy(variable.identity)) {
    return false;  // follows its parameter
  }
  switch (variable.identity.kind) {
    case VariableKind::kParameter:
    case VariableKind::kStatistic:
    case VariableKind::kMoment:
    case VariableKind::kAverage:
      return true;
    case VariableKind::kScalar:
      return variable.identity.scalar == ScalarRole::kApplied ||
             variable.identity.scalar == ScalarRole::kMemory;
    case VariableKind::kSnapshot:
    case VariableKind::kAccumulator:
    case VariableKind::kStaged:
    case VariableKind::kTeacher:
    case VariableKind::kCarried:
    case VariableKind::kCarriedAside:
      break;
  }
  return false;
}

void take_snapshot(VariableStore& store) {
  for_each_pair(store, [&](int variable, int copy) { store.copy(variable, copy); });
}

void restore_snapshot(VariableStore& store) {
  for_each_pair(store, [&](int variable, int copy) {
    store.copy(copy, variable);
    // Between steps a statistic and its staged copy are equal.
    const int staged = store.find(VariableIdentity::beside(variable, VariableKind::kStaged));
    if (staged >= 0) {
      store.set(staged, store.get(copy));
    }
  });
}

}  // namespace temper::training
