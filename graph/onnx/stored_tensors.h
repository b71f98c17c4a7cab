// The values of the tensors that a file stores, in initializers and Constant nodes, read once where
// they are shared, or left in the file where they are large.
#pragma once

#include <string>
#include <unordered_map>

#include "graph/onnx/external_data.h"
#include "graph/onnx/import.h"
#include "graph/onnx/model_file.h"

namespace temper::graph {

// A tensor of the file that may be read as a variable, as a constant, or as both.
struct StoredTensor {
  const wire::TensorProto* proto = nullptr;
  const FlatNode* node = nullptr;  // a Constant node; null: an initializer
  bool shared = false;             // by several calls of a function
};

class StoredTensors {
 public:
  explicit StoredTensors(const OnnxModel::Impl& impl);

  void add(const std::string& name, const StoredTensor& stored) { stored_[name] = stored; }
  // Null: the file stores none of this name.
  const StoredTensor* find(const std::string& name) const;

  // REQUIRES, of all: it is stored.
  Tensor decode(const std::string& name);
  // As decode(); bodies that read one tensor share its memory.
  Tensor constant(const std::string& name);
  // A large tensor outside the message stays where it is, and `decision` gets its dtype and shape
  // from its header; null: it is to be decoded.
  SharedValue left_in_file(const std::string& name, TensorDecision& decision) const;

 private:
  const OnnxModel::Impl& impl_;
  ExternalReader reader_;
  std::unordered_map<std::string, StoredTensor> stored_;
  std::unordered_map<std::string, Tensor> constants_;
  std::unordered_map<const wire::TensorProto*, Tensor> shared_constants_;
};

}  // namespace temper::graph
