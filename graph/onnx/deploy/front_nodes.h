// New nodes in front of all others, between an input and the model that read it.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

// An input, and the value that the model reads in its place.
struct PreparedInput {
  std::string input, inner;
};

class FrontNodes {
 public:
  // The graph's input `input` stays, and what read it reads `inner()`, which is to be given.
  // `elem_type`: what the input is from now on (TensorProto.DataType).
  FrontNodes(ModelEdit& edit, const std::string& input, std::int32_t elem_type);

  const std::string& inner() const { return inner_; }
  // Of the model as it was.
  std::int32_t inner_type() const { return inner_type_; }

  // Returns the name of the node's output.
  std::string emit(const char* op, const std::vector<std::string>& inputs);
  wire::NodeProto& emitted() { return *emitted_; }  // the last one
  std::string cast(const std::string& value, std::int32_t elem_type);
  // A stored vector of whole numbers; of floats [channels, 1, 1] or one number.
  std::string integers(const std::vector<std::int64_t>& values);
  std::string floats(const std::vector<double>& values, const Shape& shape);
  // The last node's value is what the model reads.
  PreparedInput finish();

 private:
  std::string name(const char* what);

  ModelEdit& edit_;
  const wire::NodeProto* first_ = nullptr;  // of the model as it was
  wire::NodeProto* emitted_ = nullptr;
  std::string input_, inner_;
  std::int32_t inner_type_ = 0;
};

}  // namespace temper::graph
