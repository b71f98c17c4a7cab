// The attributes of a node: named numbers, strings and lists of them, sorted by name. Tensors and
// subgraphs are not attributes: constants are values of the graph.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace temper {

using AttrValue = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<std::string>>;

class Attrs {
 public:
  Attrs() = default;
  Attrs(std::initializer_list<std::pair<std::string, AttrValue>> values);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  const AttrValue* find(std::string_view name) const;
  void set(std::string_view name, AttrValue value);
  void erase(std::string_view name);
  bool empty() const { return values_.empty(); }

  // The value, or `fallback` when it is not set. THROWS: kInvalidModel when it has another type
  // (an integer where a double is asked is converted).
  std::int64_t get_int(std::string_view name, std::int64_t fallback) const;
  double get_double(std::string_view name, double fallback) const;
  std::string get_string(std::string_view name, std::string_view fallback) const;
  std::vector<std::int64_t> get_ints(std::string_view name,
                                     std::vector<std::int64_t> fallback = {}) const;
  std::vector<double> get_doubles(std::string_view name, std::vector<double> fallback = {}) const;

  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }
  friend bool operator==(const Attrs& a, const Attrs& b) = default;

 private:
  std::vector<std::pair<std::string, AttrValue>> values_;
};

// "axis=1, pads=[0,0,1,1], mode=\"same\"": deterministic, for printing and for hashing.
std::string to_string(const Attrs& attrs);

}  // namespace temper
