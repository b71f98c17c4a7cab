// Tables that are kept as text.
#pragma once

#include <cstdint>
#include <string_view>

namespace temper::graph {

// What stands in front of `end`, which is taken off the text with it.
inline std::string_view take_until(std::string_view& text, char end) {
  const std::string_view part = text.substr(0, text.find(end));
  text.remove_prefix(part.size() < text.size() ? part.size() + 1 : text.size());
  return part;
}

// REQUIRES: digits.
inline std::int64_t take_number(std::string_view& text) {
  std::int64_t number = 0;
  for (const char digit : take_until(text, ' ')) {
    number = 10 * number + (digit - '0');
  }
  return number;
}

}  // namespace temper::graph
