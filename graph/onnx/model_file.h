// The inside of OnnxModel: the parsed file, its flat node list, and its external data files.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "graph/onnx/external_data.h"
#include "graph/onnx/flatten.h"
#include "graph/onnx/import.h"
#include "runtime/memory/plain_pieces.h"

namespace temper::graph {

struct OnnxModel::Impl {
  Impl(const std::string& model_path, const ImportOptions& options);
  // `origin` with messages that were changed: tensors that stay outside of them lie in its files.
  Impl(const Impl& origin, std::unique_ptr<wire::ModelProto> edited);
  ~Impl();
  static OnnxModel as_model(std::unique_ptr<Impl> impl) { return OnnxModel(std::move(impl)); }

  std::string path;
  std::unique_ptr<wire::ModelProto> proto;  // as read: export starts from it
  FlatGraph flat;                           // points into *proto
  // Of this model and of the graphs made from it, whose large tensors stay there.
  SharedFiles external;
};

// Writes `edited`, made from the messages of `origin`, as export_model() does: tensors outside of
// the messages are those of `origin`, `values` replaces some. THROWS: as export_model().
void write_edited(const OnnxModel::Impl& origin, wire::ModelProto edited,
                  const std::map<std::string, PlainValue>& values, const std::string& path);

// "tensor 'fc.weight'", cut to a length fit for messages.
std::string tensor_label(const std::string& name);

// The name a graph keeps for a Constant node's tensor, and that tensor; null when the attribute
// holds numbers directly.
const wire::TensorProto* constant_tensor(const FlatNode& node);

}  // namespace temper::graph
