// What counts as a spike of a loss or a gradient norm (the op SpikeGate).
#pragma once

namespace temper {

// Whether a value is above median + (factor - 1) |median|, which is factor times a positive median;
// `low` and `high`: the two numbers in the middle of the good ones, of an odd count one number.
// What is not a number is no spike.
template <class T>
constexpr bool is_spike(T value, T low, T high, double factor) {
  const double median = (static_cast<double>(low) + static_cast<double>(high)) / 2;
  const double size = median < 0 ? -median : median;
  return value > static_cast<T>(median + (factor - 1) * size);
}

}  // namespace temper
