// How the parts of a product of bytes lie in memory: shared by planning, packing and running it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "backends/cpu/integer_product.h"
#include "runtime/base/alignment.h"

namespace temper::cpu {

inline constexpr std::int64_t kPanelColumns = kIntegerLanes * kIntegerVectors;
inline constexpr std::int64_t kPointers = 4096;  // to pieces of the rows that a thread works on
inline constexpr std::int64_t kChunkStep = 24;   // rows: whole tiles of each kernel

inline std::int64_t up_to_multiple(std::int64_t n, std::int64_t of) {
  return (n + of - 1) / of * of;
}

inline std::int64_t panel_count(const IntegerPlan& plan) {
  return (plan.columns + kPanelColumns - 1) / kPanelColumns;
}
inline std::int64_t packed_depth(const IntegerPlan& plan) {
  return plan.per_channel ? up_to_multiple(plan.pieces, kIntegerDepth)
                          : plan.pieces * up_to_multiple(plan.depth, kIntegerDepth);
}
inline std::int64_t packed_columns(const IntegerPlan& plan) {
  return up_to_multiple(plan.columns, plan.per_channel ? kChannelPanel : kIntegerLanes);
}
// Products in each sum.
inline std::int64_t sum_length(const IntegerPlan& plan) {
  return plan.pieces * (plan.per_channel ? 1 : plan.depth);
}
// Of a number for each column, whole vectors behind the last.
inline std::int64_t sums_bytes(const IntegerPlan& plan) {
  return static_cast<std::int64_t>(aligned_bytes(
      static_cast<std::size_t>(plan.outputs() + kPanelColumns) * sizeof(std::int32_t)));
}

// The panel's columns begin at this one of the group.
struct Panel {
  std::int64_t first = 0, width = 0;
  int vectors = 0;

  Panel(const IntegerPlan& plan, std::int64_t index)
      : first(index * kPanelColumns),
        width(std::min(kPanelColumns, plan.columns - first)),
        vectors(static_cast<int>((width + kIntegerLanes - 1) / kIntegerLanes)) {}
};

inline const std::int8_t* panel_of(const IntegerPlan& plan, const void* packed, std::int64_t group,
                                   const Panel& panel) {
  return static_cast<const std::int8_t*>(packed) + sums_bytes(plan) +
         (group * packed_columns(plan) + panel.first) * packed_depth(plan);
}

}  // namespace temper::cpu
