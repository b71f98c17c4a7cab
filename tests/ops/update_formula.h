// Initial values, gradients and rates of tools/oracle/optimizer_updates.py.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "tests/ops/expected/optimizer_updates.h"

namespace temper::op_suite {

inline std::vector<double> update_initial() {
  std::vector<double> seven;
  for (int i = 0; i < 7; ++i) {
    seven.push_back(((i * 613 + 17) % 2003 - 1001) / 1024.0);
  }
  return seven;
}

inline std::vector<double> update_gradient(long step) {
  std::vector<double> seven;
  for (long i = 0; i < 7; ++i) {
    const long mixed = (step + 1) * (37 * i + 11) * 7919 + i * 104729;
    seven.push_back(static_cast<double>(mixed % 2003 - 1001) / 1024.0);
  }
  return seven;
}

// NAdam's product of momenta starts as 1; nothing else has a number per group.
inline bool has_group_memory(const UpdateTrajectory& torch) { return torch.op == "NadamUpdate"; }

// i64, or with a late parameter i64 [2]
inline std::vector<std::int64_t> steps_of(const UpdateTrajectory& torch, std::int64_t step) {
  return torch.start > 0 ? std::vector<std::int64_t>{step, step - torch.start}
                         : std::vector<std::int64_t>{step};
}

inline std::size_t group_count(const UpdateTrajectory& torch) { return torch.rates.size() / 3; }

// f64 [2 G, 3]
inline std::vector<double> rate_table(const UpdateTrajectory& torch) {
  std::vector<double> table = torch.rates;
  for (std::size_t i = 0; i < torch.rates.size(); ++i) {
    table.push_back(torch.momenta.empty() ? std::numeric_limits<double>::quiet_NaN()
                                          : torch.momenta[i % 3]);
  }
  return table;
}

inline UpdateState state_before_first(const UpdateTrajectory& torch) {
  if (torch.start > 0) {
    return torch.begin;
  }
  UpdateState state(torch.first.front().size(), std::vector<double>(7, torch.initial_state));
  state[0] = update_initial();
  if (has_group_memory(torch)) {
    state.back() = std::vector<double>(group_count(torch), 1.0);
  }
  return state;
}

}  // namespace temper::op_suite
