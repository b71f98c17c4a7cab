// What lanes of a loop over a row come to: halves joined until one is left, which vectors do in
// four steps. For loops in TEMPER_CLONES.
#pragma once

namespace temper::cpu {

// In double.
[[gnu::always_inline]] inline double sum_of_lanes(const float (&lanes)[16]) {
  double sums[8];
  for (int j = 0; j < 8; ++j) {
    sums[j] = static_cast<double>(lanes[j]) + static_cast<double>(lanes[j + 8]);
  }
  for (int j = 0; j < 4; ++j) {
    sums[j] += sums[j + 4];
  }
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// By an operation on two floats.
template <class F>
[[gnu::always_inline]] inline float joined_lanes(float (&lanes)[16], const F& join) {
  for (int j = 0; j < 8; ++j) {
    lanes[j] = join(lanes[j], lanes[j + 8]);
  }
  for (int j = 0; j < 4; ++j) {
    lanes[j] = join(lanes[j], lanes[j + 4]);
  }
  return join(join(lanes[0], lanes[2]), join(lanes[1], lanes[3]));
}

}  // namespace temper::cpu
