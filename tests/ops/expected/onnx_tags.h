// Which inputs and outputs of its ops ONNX calls differentiable.
#pragma once

#include <string_view>
#include <vector>

namespace temper::op_suite {

// One letter per input and output: D differentiable, N not, ? not said. The last input's letter
// also stands for further ones of an op that takes any number.
struct OnnxTags {
  std::string_view op;
  std::string_view inputs;
  std::string_view outputs;
};

const std::vector<OnnxTags>& onnx_tags();

}  // namespace temper::op_suite
