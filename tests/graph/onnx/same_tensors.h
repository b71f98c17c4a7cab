// The tensors of files, and whether two files have the same.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper {

// The initializers of the main graph, by name.
inline std::map<std::string, Tensor> tensors_of(const std::string& path) {
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  graph::ModelEdit edit(model);
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : edit.initializers()) {
    tensors[name] = edit.read(name);
  }
  return tensors;
}

inline void expect_same_tensors(const std::string& a, const std::string& b) {
  const auto expected = tensors_of(a), actual = tensors_of(b);
  ASSERT_EQ(expected.size(), actual.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    EXPECT_TRUE(equal_bits(tensor, actual.at(name))) << name;
  }
}

}  // namespace temper
