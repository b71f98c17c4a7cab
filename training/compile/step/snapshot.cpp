#include "training/compile/step/snapshot.h"

#include <cstring>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

void copy_bytes(const Tensor& from, Tensor& to) {
  TEMPER_ASSERT(from.bytes() == to.bytes(), "a snapshot of another size");
  std::memcpy(to.data(), from.data(), static_cast<std::size_t>(from.bytes()));
}

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
      break;
  }
  return false;
}

void take_snapshot(VariableStore& store) {
  for_each_pair(store, [&](int variable, int copy) {
    copy_bytes(store.tensor(variable), store.tensor(copy));
  });
}

void restore_snapshot(VariableStore& store) {
  for_each_pair(store, [&](int variable, int copy) {
    copy_bytes(store.tensor(copy), store.tensor(variable));
    // Between steps a statistic and its staged copy are equal.
    const int staged = store.find(VariableIdentity::beside(variable, VariableKind::kStaged));
    if (staged >= 0) {
      store.set(staged, store.get(copy));
    }
  });
}

}  // namespace temper::training
