// JSON on nlohmann's event parser: our own value type, so that its header stays in this file.
#include "training/formats/json.h"

#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "runtime/base/text_bytes.h"

namespace temper::training {
namespace {

constexpr int kMaxDepth = 64;

// Builds JsonValues from nlohmann's events; nothing recurses on the depth of the text.
class Handler : public nlohmann::json_sax<nlohmann::json> {
 public:
  // `use`, if given, takes the members of the outermost object instead of a value that holds them.
  Handler(std::string_view where, ErrorCode code, const UseJsonMember* use = nullptr)
      : where_(where), code_(code), use_(use) {}

  bool null() override { return add(JsonValue()); }
  bool boolean(bool value) override { return add(JsonValue(value)); }
  bool number_integer(number_integer_t value) override {
    return add(JsonValue(static_cast<std::int64_t>(value)));
  }
  bool number_unsigned(number_unsigned_t value) override {
    TEMPER_CHECK(value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()),
                 code_, where_, ": the integer ", value, " does not fit 64 signed bits");
    return add(JsonValue(static_cast<std::int64_t>(value)));
  }
  bool number_float(number_float_t value, const string_t&) override {
    return add(JsonValue(static_cast<double>(value)));
  }
  bool string(string_t& value) override { return add(JsonValue(std::move(value))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(JsonValue::object()); }
  bool start_array(std::size_t) override { return open(JsonValue::array()); }
  bool key(string_t& value) override {
    TEMPER_CHECK(levels_.back().keys.insert(value).second, code_, where_, ": the key '", value,
                 "' is there twice in one object");
    levels_.back().key = std::move(value);
    return true;
  }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override {
    std::string reason = error.what();
    const std::size_t bracket = reason.find("] ");
    fail(code_, where_, ": not valid JSON at byte ", position, ": ",
         bracket == std::string::npos ? reason : reason.substr(bracket + 2));
  }

  JsonValue take() { return std::move(root_); }

 private:
  struct Level {
    JsonValue value;
    JsonValue::Object members;  // beside `value`, so that adding one looks up nothing
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool add(JsonValue value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (levels_.back().value.is_array()) {
      levels_.back().value.push_back(std::move(value));
    } else if (use_ != nullptr && levels_.size() == 1) {
      (*use_)({std::move(levels_.back().key), std::move(value)});
    } else {
      levels_.back().members.push_back({std::move(levels_.back().key), std::move(value)});
    }
    return true;
  }
  bool open(JsonValue value) {
    TEMPER_CHECK(levels_.size() < kMaxDepth, code_, where_, ": nested deeper than ", kMaxDepth);
    levels_.push_back({std::move(value), {}, {}, {}});
    return true;
  }
  bool close() {
    Level level = std::move(levels_.back());
    levels_.pop_back();
    return add(level.value.is_object() ? JsonValue(std::move(level.members))
                                       : std::move(level.value));
  }

  std::string_view where_;
  ErrorCode code_;
  const UseJsonMember* use_;
  JsonValue root_;
  std::vector<Level> levels_;
};

}  // namespace

JsonValue JsonValue::object() { return JsonValue(Object{}); }

std::string_view JsonValue::type_name() const {
  constexpr std::string_view kNames[] = {"null",     "a bool",   "an integer", "a number",
                                         "a string", "an array", "an object"};
  return kNames[value_.index()];
}

bool JsonValue::as_bool(std::string_view what) const {
  const bool* value = std::get_if<bool>(&value_);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, what, " is ", type_name(),
               ", expected a bool");
  return *value;
}

std::int64_t JsonValue::as_int(std::string_view what) const {
  const std::int64_t* value = std::get_if<std::int64_t>(&value_);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, what, " is ", type_name(),
               ", expected an integer");
  return *value;
}

double JsonValue::as_double(std::string_view what) const {
  if (const double* value = std::get_if<double>(&value_)) {
    return *value;
  }
  if (const std::int64_t* value = std::get_if<std::int64_t>(&value_)) {
    return static_cast<double>(*value);
  }
  if (const std::string* value = std::get_if<std::string>(&value_)) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    if (*value == "NaN") {
      return std::numeric_limits<double>::quiet_NaN();
    }
    if (*value == "Infinity" || *value == "-Infinity") {
      return value->front() == '-' ? -kInfinity : kInfinity;
    }
  }
  fail(ErrorCode::kInvalidData, what, " is ", type_name(), ", expected a number");
}

const std::string& JsonValue::as_string(std::string_view what) const {
  const std::string* value = std::get_if<std::string>(&value_);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, what, " is ", type_name(),
               ", expected a string");
  return *value;
}

const JsonValue::Array& JsonValue::as_array(std::string_view what) const {
  const Array* value = std::get_if<Array>(&value_);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, what, " is ", type_name(),
               ", expected an array");
  return *value;
}

const JsonValue::Object& JsonValue::as_object(std::string_view what) const {
  const Object* value = std::get_if<Object>(&value_);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, what, " is ", type_name(),
               ", expected an object");
  return *value;
}

const JsonValue* JsonValue::find(std::string_view key) const {
  if (const Object* members = std::get_if<Object>(&value_)) {
    for (const JsonMember& member : *members) {
      if (member.key == key) {
        return &member.value;
      }
    }
  }
  return nullptr;
}

const JsonValue& JsonValue::at(std::string_view key) const {
  const JsonValue* value = find(key);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, "the key '", key, "' is missing");
  return *value;
}

void JsonValue::set(std::string_view key, JsonValue value) {
  if (is_null()) {
    value_ = Object{};
  }
  TEMPER_ASSERT(is_object());
  auto& members = std::get<Object>(value_);
  for (JsonMember& member : members) {
    if (member.key == key) {
      member.value = std::move(value);
      return;
    }
  }
  members.push_back({std::string(key), std::move(value)});
}

void JsonValue::push_back(JsonValue value) {
  if (is_null()) {
    value_ = Array{};
  }
  TEMPER_ASSERT(is_array());
  std::get<Array>(value_).push_back(std::move(value));
}

std::string JsonValue::text(int indent) const {
  std::string out;
  write(out, indent, 0);
  return out;
}

void JsonValue::write(std::string& out, int indent, int depth) const {
  TEMPER_ASSERT(depth <= kMaxDepth);
  const auto line = [&](int level) {
    if (indent > 0) {
      out += '\n';
      out.append(static_cast<std::size_t>(indent * level), ' ');
    }
  };
  if (is_null()) {
    out += "null";
  } else if (const bool* flag = std::get_if<bool>(&value_)) {
    out += *flag ? "true" : "false";
  } else if (const std::int64_t* integer = std::get_if<std::int64_t>(&value_)) {
    TextPart(*integer).append_to(out);
  } else if (const double* number = std::get_if<double>(&value_)) {
    append_json_number(out, *number);
  } else if (const std::string* string = std::get_if<std::string>(&value_)) {
    append_json_string(out, *string);
  } else if (const Array* items = std::get_if<Array>(&value_)) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      out += i == 0 ? "" : (indent > 0 ? "," : ", ");
      line(depth + 1);
      (*items)[i].write(out, indent, depth + 1);
    }
    if (!items->empty()) {
      line(depth);
    }
    out += ']';
  } else {
    const Object& members = std::get<Object>(value_);
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      out += i == 0 ? "" : (indent > 0 ? "," : ", ");
      line(depth + 1);
      append_json_string(out, members[i].key);
      out += ": ";
      members[i].value.write(out, indent, depth + 1);
    }
    if (!members.empty()) {
      line(depth);
    }
    out += '}';
  }
}

JsonValue parse_json(std::string_view text, std::string_view where, ErrorCode code) {
  Handler handler(where, code);
  const bool good = nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  TEMPER_CHECK(good, code, where, ": not valid JSON");
  return handler.take();
}

void parse_json_members(std::string_view text, std::string_view where, ErrorCode code,
                        const UseJsonMember& use) {
  Handler handler(where, code, &use);
  const bool good = nlohmann::json::sax_parse(text.begin(), text.end(), &handler);
  TEMPER_CHECK(good && handler.take().is_object(), code, where, ": not valid JSON of an object");
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length > 1) {
      out += text.substr(i, length);
    } else if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[i];
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\u00";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += text[i];
    }
    i += length == 0 ? 1 : length;
  }
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    append_number(out, value);
  }
}

}  // namespace temper::training
