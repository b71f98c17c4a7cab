// Names that a model may have: those of the code itself, and odd ones.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace temper::training {

using Names = std::vector<std::string>;

// What the code calls, or called, its own variables, inputs and outputs; the first go to inputs and
// outputs of the model.
Names internal_names();
// The same the other way round, so that inputs are called as variables.
Names turned_names();
// With '/', '::', spaces, letters that are not ASCII, of 4,000 characters.
Names odd_names();

struct NameList {
  std::string name;
  Names (*names)();
};

inline void PrintTo(const NameList& list, std::ostream* stream) { *stream << list.name; }

// Old names of the files' values and new ones; names that files share stay shared.
std::map<std::string, std::string> renaming(const std::vector<std::string>& files,
                                            const Names& names);

}  // namespace temper::training
