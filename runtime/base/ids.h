// Small typed indices: NodeId, ValueId, VariableId cannot be mixed up. A default one is "none".
#pragma once

#include <compare>
#include <cstdint>

namespace temper {

template <class Tag>
struct Id {
  std::int32_t index = -1;

  bool valid() const { return index >= 0; }
  friend auto operator<=>(Id, Id) = default;
};

using NodeId = Id<struct NodeTag>;
using ValueId = Id<struct ValueTag>;
using VariableId = Id<struct VariableTag>;

}  // namespace temper
