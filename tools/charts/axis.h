// An axis: its range, where its ticks stand and what they say.
#pragma once

#include <string>
#include <vector>

namespace temper::charts {

struct Tick {
  double value = 0;
  std::string label;  // empty: a faint line without a number
};

struct Axis {
  double low = 0;
  double high = 1;
  bool log = false;
  std::vector<Tick> ticks;

  // 0 at `low`, 1 at `high`.
  double fraction(double value) const;
};

// An axis from `low` to `high` as given, with about `count` ticks at 1, 2 or 5 times a power of
// ten, not closer than `least_step`.
Axis fitted_axis(double low, double high, int count, double least_step = 0);

// The same, widened to whole ticks; starts at zero when the data come near it.
Axis rounded_axis(double low, double high, int count);

// A logarithmic axis. REQUIRES: 0 < low <= high.
Axis log_axis(double low, double high);

// "0.0123", "12,000", "3.2e-05": short, with `digits` significant digits.
std::string number_text(double value, int digits);

}  // namespace temper::charts
