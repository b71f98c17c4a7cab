#include "tools/charts/axis.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "runtime/base/concat.h"

namespace temper::charts {
namespace {

// 1, 2 or 5 times a power of ten, at least `step`.
double nice_step(double step) {
  const double power = std::pow(10.0, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1 - 1e-9)) {
      return factor * power;
    }
  }
  return 10 * power;
}

std::string chars_of(double value, std::chars_format format, int precision) {
  std::array<char, 400> text{};
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), value, format, precision);
  return {text.data(), result.ptr};
}

// "12000.5" -> "12,000.5".
void group_thousands(std::string& text) {
  const std::size_t begin = text.starts_with('-') ? 1 : 0;
  std::size_t end = text.find('.');
  end = end == std::string::npos ? text.size() : end;
  while (end > begin + 3) {
    end -= 3;
    text.insert(end, 1, ',');
  }
}

std::string fixed_text(double value, int decimals) {
  std::string text = chars_of(value == 0 ? 0 : value, std::chars_format::fixed, decimals);
  group_thousands(text);
  return text;
}

// "1.50e-04" -> "1.5e-4".
std::string scientific_text(double value, int digits) {
  std::string text = chars_of(value, std::chars_format::scientific, digits - 1);
  const std::size_t e = text.find('e');
  std::string mantissa = text.substr(0, e);
  if (mantissa.find('.') != std::string::npos) {
    mantissa.erase(mantissa.find_last_not_of('0') + 1);
    if (mantissa.ends_with('.')) {
      mantissa.pop_back();
    }
  }
  const int exponent = std::stoi(text.substr(e + 1));
  return concat(mantissa, "e", exponent);
}

// Ticks of one linear axis share their decimals.
std::vector<Tick> linear_ticks(double low, double high, double step) {
  std::vector<Tick> ticks;
  const double largest = std::max(std::abs(low), std::abs(high));
  const bool scientific = largest >= 1e6 || largest < 1e-3;
  const int decimals = std::clamp(-static_cast<int>(std::floor(std::log10(step) + 1e-9)), 0, 12);
  // Counted in whole steps, so that no rounding adds up.
  const auto first = static_cast<long long>(std::ceil(low / step - 1e-6));
  const auto last = static_cast<long long>(std::floor(high / step + 1e-6));
  for (long long i = first; i <= last; ++i) {
    const double value = static_cast<double>(i) * step;
    ticks.push_back({value, i == 0       ? "0"
                            : scientific ? scientific_text(value, 4)
                                         : fixed_text(value, decimals)});
  }
  return ticks;
}

// A range without extent, or so small that its ticks would be equal numbers, gets some.
void widen(double& low, double& high) {
  const double least = std::max(std::abs(low), std::abs(high)) * 1e-9;
  if (high - low <= least) {
    const double margin = low == 0 ? 1 : std::abs(low) * 0.1;
    low -= margin;
    high += margin;
  }
}

}  // namespace

double Axis::fraction(double value) const {
  if (log) {
    return std::log(value / low) / std::log(high / low);
  }
  return (value - low) / (high - low);
}

Axis fitted_axis(double low, double high, int count, double least_step) {
  widen(low, high);
  const double step = std::max(nice_step((high - low) / count), least_step);
  return {low, high, false, linear_ticks(low, high, step)};
}

Axis rounded_axis(double low, double high, int count) {
  widen(low, high);
  if (low > 0 && low < 0.4 * high) {
    low = 0;
  }
  const double step = nice_step((high - low) / count);
  low = std::floor(low / step + 1e-6) * step;
  high = std::ceil(high / step - 1e-6) * step;
  return {low, high, false, linear_ticks(low, high, step)};
}

Axis log_axis(double low, double high) {
  const double decades = std::log10(high / low);
  if (decades < 0.5) {  // a few percent up and down: a logarithm shows nothing that a line does not
    const double margin = std::max((high - low) * 0.05, low * 0.02);
    Axis axis = fitted_axis(low - margin, high + margin, 6);
    axis.log = true;
    return axis;
  }
  Axis axis;
  axis.log = true;
  axis.low = low * 0.9;
  axis.high = high * 1.1;
  const int first = static_cast<int>(std::floor(std::log10(axis.low)));
  const int last = static_cast<int>(std::ceil(std::log10(axis.high)));
  const int stride = std::max(1, (last - first) / 8);  // decades between numbers
  for (int exponent = first; exponent <= last; ++exponent) {
    for (int factor = 1; factor < 10; ++factor) {
      const double value = factor * std::pow(10.0, exponent);
      if (value < axis.low || value > axis.high || (stride > 1 && factor > 1)) {
        continue;
      }
      const bool numbered = factor == 1 ? (exponent - first) % stride == 0
                                        : decades < 2.2 && (factor == 2 || factor == 5);
      axis.ticks.push_back({value, numbered ? number_text(value, 3) : std::string()});
    }
  }
  return axis;
}

std::string number_text(double value, int digits) {
  const double magnitude = std::abs(value);
  if (magnitude != 0 && (magnitude < 1e-3 || magnitude >= 1e6)) {
    return scientific_text(value, digits);
  }
  const int whole = magnitude < 1 ? 0 : static_cast<int>(std::floor(std::log10(magnitude))) + 1;
  std::string text = fixed_text(value, std::max(0, digits - whole));
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.')) {
      text.pop_back();
    }
  }
  return text;
}

}  // namespace temper::charts
