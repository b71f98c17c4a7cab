// Every operator of ONNX's default domain, of its classical models and of its training preview, and
// the opsets that brought or changed it.
#pragma once

#include <string_view>
#include <vector>

namespace temper::op_suite {

struct OnnxVersions {
  std::string_view domain;
  std::string_view op;
  std::vector<int> versions;
  bool deprecated = false;  // in the newest
};

const std::vector<OnnxVersions>& onnx_versions();

}  // namespace temper::op_suite
