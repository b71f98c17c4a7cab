#include "runtime/base/attrs.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper {
namespace {

template <class T>
const T& require(std::string_view name, const AttrValue& value, const char* kind) {
  const T* typed = std::get_if<T>(&value);
  TEMPER_CHECK(typed != nullptr, ErrorCode::kInvalidModel, "attribute '", name, "' is not ", kind);
  return *typed;
}

auto position(auto& values, std::string_view name) {
  return std::lower_bound(values.begin(), values.end(), name,
                          [](const auto& entry, std::string_view n) { return entry.first < n; });
}

}  // namespace

Attrs::Attrs(std::initializer_list<std::pair<std::string, AttrValue>> values) {
  for (const auto& [name, value] : values) {
    set(name, value);
  }
}

const AttrValue* Attrs::find(std::string_view name) const {
  const auto it = position(values_, name);
  return it != values_.end() && it->first == name ? &it->second : nullptr;
}

void Attrs::set(std::string_view name, AttrValue value) {
  const auto it = position(values_, name);
  if (it != values_.end() && it->first == name) {
    it->second = std::move(value);
  } else {
    values_.insert(it, {std::string(name), std::move(value)});
  }
}

void Attrs::erase(std::string_view name) {
  const auto it = position(values_, name);
  if (it != values_.end() && it->first == name) {
    values_.erase(it);
  }
}

std::int64_t Attrs::get_int(std::string_view name, std::int64_t fallback) const {
  const AttrValue* value = find(name);
  return value == nullptr ? fallback : require<std::int64_t>(name, *value, "an integer");
}

double Attrs::get_double(std::string_view name, double fallback) const {
  const AttrValue* value = find(name);
  if (value == nullptr) {
    return fallback;
  }
  if (const auto* integer = std::get_if<std::int64_t>(value)) {
    return static_cast<double>(*integer);
  }
  return require<double>(name, *value, "a number");
}

std::string Attrs::get_string(std::string_view name, std::string_view fallback) const {
  const AttrValue* value = find(name);
  return value == nullptr ? std::string(fallback) : require<std::string>(name, *value, "a string");
}

std::vector<std::int64_t> Attrs::get_ints(std::string_view name,
                                          std::vector<std::int64_t> fallback) const {
  const AttrValue* value = find(name);
  return value == nullptr ? std::move(fallback)
                          : require<std::vector<std::int64_t>>(name, *value, "a list of integers");
}

std::vector<double> Attrs::get_doubles(std::string_view name, std::vector<double> fallback) const {
  const AttrValue* value = find(name);
  return value == nullptr ? std::move(fallback)
                          : require<std::vector<double>>(name, *value, "a list of numbers");
}

std::string to_string(const Attrs& attrs) {
  std::string text;
  for (const auto& [name, value] : attrs) {
    text += concat(text.empty() ? "" : ", ", name, "=");
    std::visit(
        [&]<class T>(const T& v) {
          if constexpr (std::is_same_v<T, std::string>) {
            text += concat("\"", v, "\"");
          } else if constexpr (std::is_arithmetic_v<T>) {
            TextPart(v).append_to(text);
          } else {
            text += concat("[", join(v, ","), "]");
          }
        },
        value);
  }
  return text;
}

}  // namespace temper
