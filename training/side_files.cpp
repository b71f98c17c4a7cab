#include "training/side_files.h"

#include <span>
#include <utility>

#include "runtime/platform/files.h"
#include "training/formats/sha256.h"

namespace temper::training {

SideFile side_model(std::string key, const graph::OnnxModel& model, const graph::Graph& graph) {
  Sha256 hash;
  {
    const MappedFile file(model.path());
    hash.update(file.bytes());
  }
  const auto add = [&](const Tensor& tensor) {
    if (tensor.defined() && model.has_external_data()) {
      hash.update(std::span(static_cast<const std::byte*>(tensor.data()),
                            static_cast<std::size_t>(tensor.bytes())));
    }
  };
  for (int i = 0; i < graph.variable_count(); ++i) {
    add(graph.variable(graph::VariableId{i}).initial);
  }
  for (int i = 0; i < graph.value_count(); ++i) {
    add(graph.value(graph::ValueId{i}).constant);
  }
  return {std::move(key), model.path(), hash.finish()};
}

SideFile side_file(std::string key, const std::string& path) {
  return {std::move(key), path, sha256_of_file(path)};
}

}  // namespace temper::training
