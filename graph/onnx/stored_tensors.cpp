#include "graph/onnx/stored_tensors.h"

#include <onnx.pb.h>

#include "graph/onnx/attributes.h"
#include "graph/onnx/file_tensor.h"
#include "graph/onnx/left_in_file.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {

StoredTensors::StoredTensors(const OnnxModel::Impl& impl) : impl_(impl), reader_(*impl.external) {}

const StoredTensor* StoredTensors::find(const std::string& name) const {
  const auto found = stored_.find(name);
  return found == stored_.end() ? nullptr : &found->second;
}

Tensor StoredTensors::decode(const std::string& name) {
  const StoredTensor& stored = stored_.at(name);
  const std::string what = tensor_label(name);
  if (stored.proto == nullptr) {
    return constant_from_attributes(*stored.node, what);
  }
  if (!stored.shared) {
    return decode_tensor(*stored.proto, what, &reader_);
  }
  // All calls of a function share its constants: memory stays bounded by the file.
  Tensor& shared = shared_constants_[stored.proto];
  if (!shared.defined()) {
    shared = decode_tensor(*stored.proto, what, &reader_);
  }
  return shared;
}

Tensor StoredTensors::constant(const std::string& name) {
  if (impl_.flat.bodies.empty()) {
    return decode(name);
  }
  Tensor& value = constants_[name];
  if (!value.defined()) {
    value = decode(name);
  }
  return value;
}

SharedValue StoredTensors::left_in_file(const std::string& name, TensorDecision& decision) const {
  const StoredTensor& stored = stored_.at(name);
  if (stored.proto == nullptr || stored.shared ||
      (!stored.proto->has_held_at() && stored.proto->data_location() != 1)) {
    return nullptr;
  }
  const std::string what = tensor_label(name);
  const TensorHeader header = check_tensor(*stored.proto, what);
  if (header.file_bytes < kLeftInFileBytes) {
    return nullptr;
  }
  decision.dtype = header.dtype;
  decision.shape = header.shape;
  return make_file_tensor(impl_.external, data_range(*stored.proto, header, what), header);
}

}  // namespace temper::graph
