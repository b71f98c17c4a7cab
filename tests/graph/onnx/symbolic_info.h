// Inputs of test models with names for their dimensions, for wire_writer.h.
#pragma once

#include <string>
#include <vector>

#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {

// A dimension of digits is a number, an empty one has neither number nor name, another is a name.
inline Message symbolic_info(const std::string& name, const std::vector<std::string>& dims,
                             int type = 1) {
  Message shape;
  for (const std::string& dim : dims) {
    const bool number = !dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos;
    shape.message(1, dim.empty() ? Message()
                     : number    ? Message().number(1, std::stoll(dim))
                                 : Message().text(2, dim));
  }
  return Message().text(1, name).message(
      2, Message().message(1, Message().number(1, type).message(2, shape)));
}

}  // namespace temper::test
