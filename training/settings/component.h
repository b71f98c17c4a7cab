// Losses, optimizers and schedules are chosen by name in a recipe; each describes its parameters
// here, so that the recipe can check keys and values, fill defaults and print them. Parameters have
// PyTorch's names and defaults.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/attrs.h"

namespace temper::training {

struct ParameterSpec {
  std::string name;
  AttrValue fallback;  // also fixes the type: int64, double, string or list of doubles; bools are
                       // int64 0 or 1 ("is_bool")
  std::string help;
  // An error text for a bad value ("must be positive"), or empty. May be null.
  std::function<std::string(const AttrValue&)> check;
  bool is_bool = false;
};

// A component as a recipe names it: its parameters, complete (defaults filled) once the recipe is
// resolved.
struct ComponentSettings {
  std::string name;
  Attrs parameters;
};

// Checks for ParameterSpec::check.
std::string require_not_negative(const AttrValue& value);
std::string require_positive(const AttrValue& value);
std::string require_share(const AttrValue& value);  // 0 <= value < 1

// `given` with defaults filled. THROWS: kInvalidArgument naming the nearest parameter for one that
// does not exist, or what a value must be; `table` is the recipe's table ("loss") for the message.
Attrs complete_parameters(std::string_view table, std::string_view component,
                          const std::vector<ParameterSpec>& specs, const Attrs& given);

// The candidate nearest to `word`, a swap of neighbours counting as one edit; empty when none is
// near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace temper::training
