// The keys of a recipe for `temper help keys [TABLE]`, and its tables for `temper train --help`.
#pragma once

#include <string>

namespace temper::cli {

// A line per table: what its keys are about.
std::string recipe_table_lines();

// Of one table: its keys with type, default and meaning. Empty `table`: of all.
// THROWS: kInvalidArgument naming the nearest table, or the table that has a key of this name.
std::string recipe_key_lines(const std::string& table);

}  // namespace temper::cli
