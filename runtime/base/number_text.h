// Numbers as text and back, the same in every locale: printf, strtod and streams write and expect
// the decimal mark of whatever locale an application that embeds the library has set.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace temper {

// "0.50": so many digits after the point, as printf's %.2f. What is not a number is "nan".
std::string fixed_text(double value, int decimals);

// "0.0023", "1e-07": so many significant digits, as printf's %.2g.
std::string digits_text(double value, int digits);

// The number that the whole of `text` is, such as "1e-3" or "inf"; nothing when it is none.
std::optional<double> read_number(std::string_view text);

}  // namespace temper
