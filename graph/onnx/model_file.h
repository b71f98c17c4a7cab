// The inside of OnnxModel: the parsed file, its flat node list, and its external data files.
#pragma once

#include <memory>
#include <string>

#include "graph/onnx/external_data.h"
#include "graph/onnx/flatten.h"
#include "graph/onnx/import.h"

namespace temper::graph {

struct OnnxModel::Impl {
  Impl(const std::string& model_path, const ImportOptions& options);
  ~Impl();

  std::string path;
  std::unique_ptr<wire::ModelProto> proto;  // as read: export starts from it
  FlatGraph flat;                           // points into *proto
  // Of this model and of the graphs made from it, whose large tensors stay there.
  SharedFiles external;
};

// "tensor 'fc.weight'", cut to a length fit for messages.
std::string tensor_label(const std::string& name);

// The name a graph keeps for a Constant node's tensor, and that tensor; null when the attribute
// holds numbers directly.
const wire::TensorProto* constant_tensor(const FlatNode& node);

}  // namespace temper::graph
