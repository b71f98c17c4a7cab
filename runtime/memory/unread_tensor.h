// A tensor of a file, known but not read: its values come when they are asked for.
#pragma once

#include <functional>
#include <string>

#include "runtime/memory/tensor.h"

namespace temper {

struct UnreadTensor {
  std::string name;
  DType dtype = DType::kUndefined;
  Shape shape;
  // THROWS: kInvalidModel when the file is damaged there; kUnsupported for a type that Temper does
  // not read, naming it.
  std::function<Tensor()> read;
};

}  // namespace temper
