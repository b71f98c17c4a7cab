#include "training/compile/step/snapshot.h"

#include <cstring>
#include <string>

#include "runtime/base/error.h"
#include "training/compile/distillation.h"
#include "training/compile/step/accumulation.h"
#include "training/compile/training_graph.h"

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
    const int copy = store.find(kSnapshotPrefix + store.variable(i).name);
    if (copy >= 0) {
      f(i, copy);
    }
  }
}

}  // namespace

bool belongs_to_snapshot(const StoreVariable& variable) {
  const std::string& name = variable.name;
  if (name == kAppliedVariable) {
    return true;
  }
  return !name.starts_with(kTeacherPrefix) && !name.starts_with("step.") &&
         !name.starts_with("scaler.") && !name.ends_with(kAccumulatedSuffix) &&
         !name.ends_with(kStagedSuffix);
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
    const int staged = store.find(store.variable(variable).name + kStagedSuffix);
    if (staged >= 0) {
      store.set(staged, store.get(copy));
    }
  });
}

}  // namespace temper::training
