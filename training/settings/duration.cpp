#include "training/settings/duration.h"

#include <charconv>
#include <cmath>
#include <cstdint>

namespace temper::training {
namespace {

// The number at the beginning of `text`, which loses it.
std::optional<double> take_number(std::string_view& text) {
  double amount = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (error != std::errc{} || !std::isfinite(amount) || amount < 0) {
    return std::nullopt;
  }
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return amount;
}

std::optional<double> parse_clock(std::string_view text) {
  double seconds = 0;
  int parts = 0;
  while (true) {
    const std::optional<double> part = take_number(text);
    if (!part || (parts > 0 && *part >= 60)) {
      return std::nullopt;
    }
    seconds = seconds * 60 + *part;
    ++parts;
    if (text.empty()) {
      return parts == 3 ? std::optional<double>(seconds) : std::nullopt;
    }
    if (text.front() != ':') {
      return std::nullopt;
    }
    text.remove_prefix(1);
  }
}

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
  if (text.find(':') != std::string_view::npos) {
    return parse_clock(text);
  }
  const std::optional<double> amount = take_number(text);
  while (!text.empty() && text.front() == ' ') {
    text.remove_prefix(1);
  }
  const double unit = text == "s" || text == "seconds"     ? 1
                      : text == "min" || text == "minutes" ? 60
                      : text == "h" || text == "hours"     ? 3600
                      : text == "d" || text == "days"      ? 86400
                                                           : 0;
  return amount && unit > 0 ? std::optional<double>(*amount * unit) : std::nullopt;
}

}  // namespace temper::training
