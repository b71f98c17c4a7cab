// torch.optim.swa_utils.AveragedModel: average += weight (current - average), as torch.lerp.
#pragma once

#include "backends/common/optimizers/update_step.h"

namespace temper {

// The "parameter" is the average, the "gradient" its weight after the step, the rate the share the
// average moves by.
template <class T>
struct AverageUpdate {
  static constexpr std::array<std::string_view, 0> kStates{};
  static constexpr std::array<std::string_view, 0> kParameters{};
  T weight;

  static constexpr AverageUpdate make(const UpdateStep& s, const double*) {
    return {static_cast<T>(s.rate)};
  }
  constexpr bool idle() const { return weight == T(0); }
  [[gnu::always_inline]] constexpr void operator()(T& average, T current) const {
    average = weight == T(1) ? current : lerp(average, current, weight);
  }
};

}  // namespace temper
