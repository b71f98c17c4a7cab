// Reads a tensor that is a file of its own.
#include "graph/onnx/tensor_file.h"

#include <limits>

#include <onnx.pb.h>

#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"

namespace temper::graph {

Tensor read_tensor_file(const std::string& path) {
  const std::string what = concat("the tensor in '", path, "'");
  const MappedFile file(path);
  wire::TensorProto proto;
  TEMPER_CHECK(file.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
                   proto.ParseFromArray(file.data(), static_cast<int>(file.size())),
               ErrorCode::kInvalidModel, "'", path, "' is not an ONNX tensor file");
  TEMPER_CHECK(!check_tensor(proto, what).external && !proto.has_held_at(),
               ErrorCode::kInvalidModel, what, " keeps its data in another file");
  return decode_tensor(proto, what, nullptr);
}

}  // namespace temper::graph
