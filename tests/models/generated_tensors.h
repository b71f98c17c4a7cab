// Tensors made from a name, the same here and in tools/oracle/expected_training.py; see README.md
// for the formula.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace temper {

// `count` numbers in [shift - scale, shift + scale).
std::vector<float> generate_floats(std::string_view name, std::int64_t count, double shift,
                                   double scale);
// `count` numbers in [0, classes).
std::vector<std::int64_t> generate_classes(std::string_view name, std::int64_t count,
                                           std::int64_t classes);

}  // namespace temper
