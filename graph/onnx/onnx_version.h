// The version of the library that reads ONNX files.
#pragma once

#include <string>

namespace temper::graph {

// "3.21.12".
std::string protobuf_version();

}  // namespace temper::graph
