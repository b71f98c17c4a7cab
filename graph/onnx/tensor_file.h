// One tensor in a file of its own (a serialized TensorProto, usually named .pb), as ONNX's test
// data has them.
#pragma once

#include <string>

#include "runtime/memory/tensor.h"

namespace temper::graph {

// The tensor in graph types: 16-bit floats become float32. THROWS: kIo; kInvalidModel for a file
// that is no tensor or keeps its data outside; kUnsupported for a type the graph does not have.
Tensor read_tensor_file(const std::string& path);

}  // namespace temper::graph
