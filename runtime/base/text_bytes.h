// Characters in bytes: ASCII letters, whatever the locale, and where UTF-8 is well formed.
#pragma once

#include <cstddef>
#include <string_view>

namespace temper {

// Not std::tolower and its like: those follow the locale of an application, and in a Turkish one
// the small letter of I is no i.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
constexpr char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
constexpr bool is_ascii_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
}

// Length of the well-formed UTF-8 character at text[at], or 0.
std::size_t utf8_length(std::string_view text, std::size_t at = 0);

bool is_utf8(std::string_view text);

}  // namespace temper
