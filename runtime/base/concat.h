// Writes values one after the other into a string: the whole of Temper's message formatting.
// Numbers are written by std::to_chars (shortest form that reads back equal), bools as true and
// false.
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

namespace temper {

void append_number(std::string& out, long long value);
void append_number(std::string& out, unsigned long long value);
void append_number(std::string& out, double value);
void append_number(std::string& out, float value);

template <class T>
concept HasToString = requires(const T& value) {
  { to_string(value) } -> std::convertible_to<std::string_view>;
};

template <class T>
void append_part(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, char>) {
    out += value;
  } else if constexpr (std::is_floating_point_v<T>) {
    append_number(out, value);
  } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
    append_number(out, static_cast<unsigned long long>(value));
  } else if constexpr (std::is_integral_v<T>) {
    append_number(out, static_cast<long long>(value));
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    out += std::string_view(value);
  } else {
    static_assert(HasToString<T>, "concat() needs a number, a string or a type with to_string()");
    out += to_string(value);
  }
}

template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (append_part(out, parts), ...);
  return out;
}

// The elements with `separator` between them.
template <class Range>
std::string join(const Range& range, std::string_view separator) {
  std::string out;
  bool first = true;
  for (const auto& element : range) {
    if (!first) {
      out += separator;
    }
    first = false;
    append_part(out, element);
  }
  return out;
}

}  // namespace temper
