// A small file around a place whose tensors train or not.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {

// x[batch, 4] -> MatMul 'first' with w0[4, 4] -> h; the nodes of a test make m of it; then MatMul
// 'last' with w1[4, 4] -> y, unless the test gives y itself.
class PlacesModel {
 public:
  PlacesModel() {
    parts_.inputs = {value_info("x", {-1, 4})};
    parts_.outputs = {value_info("y", {-1, 4})};
    parts_.opset = 13;
    tensor("w0", {4, 4}, std::vector<float>(16, 0.5f));
    parts_.nodes.push_back(node("MatMul", {"x", "w0"}, {"h"}, {}, "first"));
  }
  PlacesModel& tensor(const std::string& name, const Dims& dims, const std::vector<float>& values) {
    parts_.initializers.push_back(floats(name, dims, values));
    return *this;
  }
  PlacesModel& vector(const std::string& name) { return tensor(name, {4}, {0.5f, 1.5f, 2, 3}); }
  PlacesModel& whole(const std::string& name, const std::vector<std::int64_t>& values) {
    parts_.initializers.push_back(ints(name, values));
    return *this;
  }
  // Of a type by its number in ONNX.
  PlacesModel& stored(const std::string& name, int type, const Dims& dims,
                      const std::string& bytes) {
    parts_.initializers.push_back(tensor_head(name, type, dims).text(9, bytes));
    return *this;
  }
  PlacesModel& one(const std::string& name, float value) { return tensor(name, {1}, {value}); }
  PlacesModel& add(const std::string& op, const Names& inputs, const std::string& output,
                   const std::vector<Message>& attributes = {}) {
    parts_.nodes.push_back(node(op, inputs, {output}, attributes, output));
    return *this;
  }
  PlacesModel& last() {
    tensor("w1", {4, 4}, std::vector<float>(16, 0.25f));
    return add("MatMul", {"m", "w1"}, "y");
  }

  graph::TensorDecision operator[](const std::string& name) const {
    const TemporaryFolder folder;
    std::vector<graph::TensorDecision> decisions;
    graph::OnnxModel::load(folder.write("m.onnx", parts_.bytes()))
        .build_graph(graph::standard_ops(), {}, &decisions);
    for (const graph::TensorDecision& decision : decisions) {
      if (decision.name == name) {
        return decision;
      }
    }
    ADD_FAILURE() << "no tensor " << name;
    return {};
  }
  void expect(const std::string& name, bool trainable, const std::string& why) const {
    const graph::TensorDecision decision = (*this)[name];
    EXPECT_EQ(decision.trainable, trainable) << name << ": " << decision.why;
    EXPECT_NE(decision.why.find(why), std::string::npos) << name << ": " << decision.why;
  }

 private:
  ModelParts parts_;
};

}  // namespace temper::test
