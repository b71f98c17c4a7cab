#include "training/formats/pickle.h"

#include "training/formats/pickle_machine.h"

namespace temper::training {

Pickle::Pickle(std::span<const std::byte> bytes, std::string_view where, std::uint64_t memory) {
  PickleMachine machine(*this, bytes, where, memory);
  machine.run();
}

PickleId Pickle::find(PickleId dict, std::string_view key) const {
  const PickleNode& it = nodes_[dict];
  if (it.kind != PickleKind::kDict) {
    return 0;
  }
  for (std::size_t i = 0; i + 1 < it.items.size(); i += 2) {
    const PickleNode& name = nodes_[it.items[i]];
    if (name.kind == PickleKind::kText && name.text() == key) {
      return it.items[i + 1];
    }
  }
  return 0;
}

bool Pickle::is_made_by(PickleId id, std::string_view type) const {
  const PickleNode& it = nodes_[id];
  return it.kind == PickleKind::kRecord && nodes_[it.type()].kind == PickleKind::kClass &&
         nodes_[it.type()].text() == type;
}

}  // namespace temper::training
