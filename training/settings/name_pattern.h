// The one grammar by which parts of a model are named: freeze = ["layer1/**", "**.bias",
// "!layer1/norm*"]. Patterns match whole names; `.`, `/` and `::` are one separator; `*` stays
// within a part, `**` spans any number of parts, also none; `!` excludes what earlier patterns
// chose.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

bool matches_pattern(std::string_view pattern, std::string_view name);

// Whether the list chooses the name: the last pattern that matches it decides.
bool is_chosen(const std::vector<std::string>& patterns, std::string_view name);

// Which of `names` the list chooses. THROWS: kInvalidArgument for a pattern that matches nothing,
// naming `key` and the nearest name.
std::vector<bool> match_names(const std::vector<std::string>& patterns,
                              const std::vector<std::string>& names, std::string_view key);

}  // namespace temper::training
