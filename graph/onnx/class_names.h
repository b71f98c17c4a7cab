// Names of a model's classes in the metadata of its file.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace temper::graph {

// As Temper writes them ("temper.classes"), or other tools: "names" of Ultralytics and the like, a
// list or a dictionary from numbers to names. Empty where there are none.
std::vector<std::string> class_names(
    const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace temper::graph
