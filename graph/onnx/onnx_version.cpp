#include "graph/onnx/onnx_version.h"

#include <google/protobuf/stubs/common.h>

namespace temper::graph {

std::string protobuf_version() {
  return google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
}

}  // namespace temper::graph
