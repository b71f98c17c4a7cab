// Two small models of pictures, for the tests of image folders: x[batch, 3, 8, 8] -> Conv -> Relu
// -> GlobalAveragePool -> y[batch, 2], and x[batch, 3, 14, 14] -> Conv 1x1 -> y[batch, outputs, 14,
// 14].
#pragma once

#include <fstream>
#include <string>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"

namespace temper::training {

inline void write_picture_classifier(const std::string& path) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 3, 8, 8})};
  parts.outputs = {value_info("y", {-1, 2})};
  parts.initializers = {floats("conv.weight", {4, 3, 3, 3}, tiny_values(4 * 27, 1)),
                        floats("conv.bias", {4}, tiny_values(4, 2)),
                        floats("head.weight", {2, 4}, tiny_values(8, 3)),
                        floats("head.bias", {2}, tiny_values(2, 4))};
  parts.nodes = {
      node("Conv", {"x", "conv.weight", "conv.bias"}, {"h"}, {}, "conv"),
      node("Relu", {"h"}, {"a"}, {}, "relu"), node("GlobalAveragePool", {"a"}, {"p"}, {}, "pool"),
      node("Flatten", {"p"}, {"f"}, {}, "flatten"),
      node("Gemm", {"f", "head.weight", "head.bias"}, {"y"}, {int_attribute("transB", 1)}, "head")};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

inline void write_picture_segmenter(const std::string& path, std::int64_t outputs) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 3, 14, 14})};
  parts.outputs = {value_info("y", {-1, outputs, 14, 14})};
  parts.initializers = {floats("weight", {outputs, 3, 1, 1}, tiny_values(outputs * 3, 1)),
                        floats("bias", {outputs}, tiny_values(outputs, 2))};
  parts.nodes = {node("Conv", {"x", "weight", "bias"}, {"y"}, {}, "conv")};
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

}  // namespace temper::training
