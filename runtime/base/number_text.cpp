#include "runtime/base/number_text.h"

#include <charconv>
#include <cmath>
#include <system_error>

namespace temper {
namespace {

std::string chars_of(double value, std::chars_format format, int precision) {
  if (std::isnan(value)) {
    return "nan";  // whose sign says nothing
  }
  char text[512];  // the largest double has 309 digits before the point
  const auto result = std::to_chars(text, text + sizeof text, value, format, precision);
  return result.ec == std::errc{} ? std::string(text, result.ptr) : std::string("?");
}

}  // namespace

std::string fixed_text(double value, int decimals) {
  return chars_of(value, std::chars_format::fixed, decimals);
}

std::string digits_text(double value, int digits) {
  return chars_of(value, std::chars_format::general, digits);
}

std::optional<double> read_number(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end ? std::optional<double>(value) : std::nullopt;
}

}  // namespace temper
