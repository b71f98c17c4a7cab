#include "graph/onnx/deploy/remaining_data.h"

#include <set>

#include <onnx.pb.h>

#include "graph/onnx/model_file.h"

namespace temper::graph {
namespace {

constexpr int kOutside = 1;  // TensorProto.DataLocation.EXTERNAL

std::set<std::string> outside(const wire::GraphProto& graph) {
  std::set<std::string> names;
  for (const auto& tensor : graph.initializer()) {
    if (tensor.data_location() == kOutside) {
      names.insert(tensor.name());
    }
  }
  return names;
}

}  // namespace

FileForm form_of_remaining(const OnnxModel& origin, ModelEdit& edit) {
  const std::set<std::string> before = outside(origin.impl().proto->graph());
  const std::set<std::string> after = outside(edit.graph());
  FileForm form;
  if (!after.empty() && after.size() < before.size()) {
    form.kind = FileForm::Kind::kDataFile;
  }
  return form;
}

}  // namespace temper::graph
