// Writes values one after the other into a string: the whole of Temper's message formatting.
// Numbers are written by std::to_chars (shortest form that reads back equal), bools as true and
// false.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace temper {

void append_number(std::string& out, long long value);
void append_number(std::string& out, unsigned long long value);
void append_number(std::string& out, double value);
void append_number(std::string& out, float value);

template <class T>
concept HasToString = requires(const T& value) {
  { to_string(value) } -> std::convertible_to<std::string_view>;
};

// One value of a message: a number, a string, or anything with to_string(). A type of its own, so
// that a message is data for one function instead of a function for every list of types: there are
// more than a thousand, and they took a large part of the build's time. Refers to the value it was
// made from; made and used within one expression.
class TextPart {
 public:
  TextPart(std::same_as<bool> auto value) : kind_(Kind::kText), text_(value ? "true" : "false") {}
  TextPart(const char& value) : kind_(Kind::kText), text_(&value, 1) {}
  TextPart(signed char value) : TextPart(static_cast<long long>(value)) {}
  TextPart(short value) : TextPart(static_cast<long long>(value)) {}
  TextPart(int value) : TextPart(static_cast<long long>(value)) {}
  TextPart(long value) : TextPart(static_cast<long long>(value)) {}
  TextPart(long long value) : kind_(Kind::kSigned), signed_(value) {}
  TextPart(unsigned char value) : TextPart(static_cast<unsigned long long>(value)) {}
  TextPart(unsigned short value) : TextPart(static_cast<unsigned long long>(value)) {}
  TextPart(unsigned value) : TextPart(static_cast<unsigned long long>(value)) {}
  TextPart(unsigned long value) : TextPart(static_cast<unsigned long long>(value)) {}
  TextPart(unsigned long long value) : kind_(Kind::kUnsigned), unsigned_(value) {}
  TextPart(float value) : kind_(Kind::kFloat), float_(value) {}
  TextPart(double value) : kind_(Kind::kDouble), double_(value) {}
  TextPart(const char* value) : kind_(Kind::kText), text_(value) {}
  TextPart(const std::string& value) : kind_(Kind::kText), text_(value) {}
  TextPart(std::string_view value) : kind_(Kind::kText), text_(value) {}
  template <HasToString T>
  TextPart(const T& value) : kind_(Kind::kNamed), named_{&value, append_named<T>} {}
  template <class T>
  TextPart(const T*) = delete;  // an address is no text, nor a bool

  void append_to(std::string& out) const;

 private:
  enum class Kind { kText, kSigned, kUnsigned, kFloat, kDouble, kNamed };
  struct Named {
    const void* value;
    void (*append)(std::string& out, const void* value);
  };
  template <class T>
  static void append_named(std::string& out, const void* value) {
    out += to_string(*static_cast<const T*>(value));
  }

  Kind kind_;
  union {
    std::string_view text_;
    long long signed_;
    unsigned long long unsigned_;
    float float_;
    double double_;
    Named named_;
  };
};

std::string concat_parts(std::initializer_list<TextPart> parts);

template <class... Parts>
std::string concat(const Parts&... parts) {
  return concat_parts({parts...});
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
    TextPart(element).append_to(out);
  }
  return out;
}

}  // namespace temper
