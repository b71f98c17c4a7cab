#include "training/settings/component.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

bool every(const AttrValue& value, bool (*holds)(double)) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    return holds(static_cast<double>(*integer));
  }
  if (const auto* number = std::get_if<double>(&value)) {
    return holds(*number);
  }
  if (const auto* list = std::get_if<std::vector<double>>(&value)) {
    return std::all_of(list->begin(), list->end(), holds);
  }
  return true;
}

// "not finite" is said as such: "must not be negative, but is inf" would be no help.
std::string check_numbers(const AttrValue& value, bool (*holds)(double), const char* rule) {
  if (!every(value, [](double x) { return std::isfinite(x); })) {
    return "must be finite";
  }
  return every(value, holds) ? "" : rule;
}

// The value as it would be typed, without its name.
std::string value_text(const AttrValue& value) { return to_string(Attrs{{"", value}}).substr(1); }

// Letters to change, add, leave out or swap with their neighbour (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1);  // the rows of a's first i - 2, i - 1, i letters
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({substituted, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
  }
  return row.back();
}

}  // namespace

std::string require_not_negative(const AttrValue& value) {
  return check_numbers(value, [](double x) { return x >= 0; }, "must not be negative");
}

std::string require_positive(const AttrValue& value) {
  return check_numbers(value, [](double x) { return x > 0; }, "must be positive");
}

std::string require_share(const AttrValue& value) {
  return check_numbers(
      value, [](double x) { return x >= 0 && x < 1; }, "must be at least 0 and below 1");
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Attrs complete_parameters(std::string_view table, std::string_view component,
                          const std::vector<ParameterSpec>& specs, const Attrs& given) {
  Attrs complete;
  std::vector<std::string> names;
  for (const ParameterSpec& spec : specs) {
    names.push_back(spec.name);
    complete.set(spec.name, spec.fallback);
  }
  for (const auto& [name, value] : given) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&n = name](const ParameterSpec& s) { return s.name == n; });
    if (spec == specs.end()) {
      const std::string hint = nearest(name, names);
      fail(ErrorCode::kInvalidArgument, table, ".", name, " is not a parameter of ", component,
           hint.empty() ? concat(" (it has ", names.empty() ? "none" : join(names, ", "), ")")
                        : concat("; did you mean ", table, ".", hint, "?"));
    }
    AttrValue typed = value;
    if (std::holds_alternative<double>(spec->fallback)) {
      if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        typed = static_cast<double>(*integer);
      }
    } else if (std::holds_alternative<std::vector<double>>(spec->fallback)) {
      if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
        typed = std::vector<double>(integers->begin(), integers->end());
      } else if (const auto* number = std::get_if<double>(&value)) {
        typed = std::vector<double>{*number};
      } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        typed = std::vector<double>{static_cast<double>(*integer)};
      }
    }
    TEMPER_CHECK(typed.index() == spec->fallback.index(), ErrorCode::kInvalidArgument, table, ".",
                 name, " has the wrong type: expected ",
                 spec->is_bool                                          ? "true or false"
                 : std::holds_alternative<std::int64_t>(spec->fallback) ? "an integer"
                 : std::holds_alternative<double>(spec->fallback)       ? "a number"
                 : std::holds_alternative<std::string>(spec->fallback)  ? "a string"
                                                                        : "a list of numbers",
                 ", but is ", value_text(value));
    const std::string problem = spec->check ? spec->check(typed) : std::string{};
    TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, table, ".", name, " ", problem,
                 ", but is ", value_text(typed));
    complete.set(name, std::move(typed));
  }
  return complete;
}

}  // namespace temper::training
