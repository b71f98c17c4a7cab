// An ONNX file with other names: every value, initializer and node gets one, nothing else changes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

// The names of a file's values: inputs, outputs, initializers, then what nodes compute.
std::vector<std::string> value_names(std::string_view onnx);

// `values` has every name of value_names(). Node i is called nodes[i % nodes.size()].
std::string with_names(std::string_view onnx, const std::map<std::string, std::string>& values,
                       const std::vector<std::string>& nodes);

}  // namespace temper::training
