// JSON values for state files and headers: parsed strictly (UTF-8, no duplicate keys, depth 64 at
// most) and written deterministically. Objects keep the order of insertion.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/base/error.h"

namespace temper::training {

struct JsonMember;

class JsonValue {
 public:
  using Array = std::vector<JsonValue>;
  using Object = std::vector<JsonMember>;

  JsonValue();  // null
  JsonValue(bool value);
  JsonValue(int value);
  JsonValue(std::int64_t value);
  JsonValue(double value);
  JsonValue(std::string value);
  JsonValue(std::string_view value);
  JsonValue(const char* value);
  JsonValue(Array value);
  JsonValue(Object value);
  static JsonValue object();
  static JsonValue array();
  // Of texts, numbers or bools.
  template <class Values>
  static JsonValue array_of(const Values& values);

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  // Integers too.
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }

  // The value as that type. Integers serve as doubles; so do the strings "NaN", "Infinity" and
  // "-Infinity", which is how those are written. THROWS: kInvalidData naming `what` and the type
  // found.
  bool as_bool(std::string_view what) const;
  std::int64_t as_int(std::string_view what) const;
  double as_double(std::string_view what) const;
  const std::string& as_string(std::string_view what) const;
  const Array& as_array(std::string_view what) const;
  const Object& as_object(std::string_view what) const;

  // Members of an object: null pointer when absent; at() fails with kInvalidData instead.
  const JsonValue* find(std::string_view key) const;
  const JsonValue& at(std::string_view key) const;
  // Sets or replaces a member; a null value becomes an object.
  void set(std::string_view key, JsonValue value);
  // Appends to an array; a null value becomes an array.
  void push_back(JsonValue value);

  // The text; `indent` spaces per level, on one line when 0.
  std::string text(int indent = 0) const;

 private:
  std::string_view type_name() const;
  void write(std::string& out, int indent, int depth) const;

  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonMember {
  std::string key;
  JsonValue value;
};

// Below JsonMember, which clang wants to be complete.
inline JsonValue::JsonValue() = default;
inline JsonValue::JsonValue(bool value) : value_(value) {}
inline JsonValue::JsonValue(int value) : value_(static_cast<std::int64_t>(value)) {}
inline JsonValue::JsonValue(std::int64_t value) : value_(value) {}
inline JsonValue::JsonValue(double value) : value_(value) {}
inline JsonValue::JsonValue(std::string value) : value_(std::move(value)) {}
inline JsonValue::JsonValue(std::string_view value) : value_(std::string(value)) {}
inline JsonValue::JsonValue(const char* value) : value_(std::string(value)) {}
inline JsonValue::JsonValue(Array value) : value_(std::move(value)) {}
inline JsonValue::JsonValue(Object value) : value_(std::move(value)) {}
inline JsonValue JsonValue::array() { return JsonValue(Array{}); }
template <class Values>
JsonValue JsonValue::array_of(const Values& values) {
  JsonValue list = array();
  for (const auto& value : values) {
    list.push_back(value);
  }
  return list;
}

// THROWS: kInvalidData with `where` (a file name) and the position. `code` names another code where
// the text belongs to a checkpoint or a model.
JsonValue parse_json(std::string_view text, std::string_view where,
                     ErrorCode code = ErrorCode::kInvalidData);

// The members of an object, one at a time: a value takes many times the memory of its text.
using UseJsonMember = std::function<void(JsonMember)>;
void parse_json_members(std::string_view text, std::string_view where, ErrorCode code,
                        const UseJsonMember& use);

// Appends "text" with quotes and escapes; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// Appends the shortest decimal that reads back equal, or "NaN", "Infinity", "-Infinity" in quotes.
void append_json_number(std::string& out, double value);

}  // namespace temper::training
