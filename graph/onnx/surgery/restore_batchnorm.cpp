#include "graph/onnx/surgery/restore_batchnorm.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr float kEpsilon = 1e-5f;  // and the momentum: PyTorch's defaults
constexpr float kMomentum = 0.9f;

bool says_batchnorm(const wire::NodeProto& node) {
  return std::any_of(node.metadata_props().begin(), node.metadata_props().end(),
                     [](const auto& entry) {
                       return entry.key() == "pkg.torch.onnx.name_scopes" &&
                              entry.value().find("batch_norm") != std::string::npos;
                     });
}

bool is_followed(const FlatIndex& index, const LinearLayer& layer) {
  const auto& readers = index.readers(layer.output());
  return std::any_of(readers.begin(), readers.end(),
                     [](const FlatNode* reader) { return is_batchnorm(*reader); });
}

std::vector<LinearLayer> convolutions(ModelEdit& edit, const FlatGraph& flat,
                                      const FlatIndex& index) {
  std::vector<LinearLayer> layers;
  for (const FlatNode& node : flat.nodes) {
    const auto layer = linear_layer(edit, index, node);
    if (layer && layer->kind == Linear::kConvolution && !is_followed(index, *layer)) {
      layers.push_back(*layer);
    }
  }
  return layers;
}

void add_batchnorm(ModelEdit& edit, const LinearLayer& layer) {
  const TensorHeader header = edit.header(layer.weight);
  const Shape channels{units_of(edit, layer)};
  const std::string module =
      says_batchnorm(*layer.node->source) ? layer.name() : layer.name() + ".bn";
  const auto add = [&](const char* what, float value) {
    const std::vector<float> values(static_cast<std::size_t>(channels[0]), value);
    const std::string name = edit.unique(module + what);
    edit.add_tensor(name, Tensor::from<float>(header.dtype, channels, values), header.file_type);
    return name;
  };
  const std::string scale = add(".weight", 1), shift = add(".bias", 0),
                    mean = add(".running_mean", 0), variance = add(".running_var", 1 - kEpsilon);
  wire::NodeProto& product = edit.node_of(*layer.node);
  const std::string y = product.output(0);
  const std::string bare = edit.unique(y + "_without_norm");
  product.set_output(0, bare);
  wire::NodeProto& norm =
      edit.insert_after(product, "BatchNormalization", {bare, scale, shift, mean, variance}, y);
  set_float(norm, "epsilon", kEpsilon);
  set_float(norm, "momentum", kMomentum);
}

}  // namespace

std::vector<std::string> folded_batchnorms(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  std::vector<std::string> names;
  for (const LinearLayer& layer : convolutions(edit, flat, FlatIndex(flat))) {
    if (says_batchnorm(*layer.node->source)) {
      names.push_back(layer.name());
    }
  }
  return names;
}

void restore_batchnorm(ModelEdit& edit, const NameTest& match) {
  TEMPER_CHECK(edit.opset() >= 9, ErrorCode::kUnsupported,
               "--restore-batchnorm needs opset 9 or later; the file has ", edit.opset());
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  int count = 0;
  std::vector<std::string> names;
  for (const LinearLayer& layer : convolutions(edit, flat, index)) {
    names.push_back(concat("'", layer.name(), "'"));
    if (match ? layer.is_meant(match) : says_batchnorm(*layer.node->source)) {
      add_batchnorm(edit, layer);
      ++count;
    }
  }
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidArgument, "--restore-batchnorm: ",
               match ? "the pattern of --match names no Conv without a BatchNormalization"
                     : "the file does not say which Conv had one; name them with --match",
               "; the Conv without one are ", names.empty() ? "none" : join(names, ", "));
  edit.note(concat("--restore-batchnorm: ", count,
                   " Conv are followed by a BatchNormalization that "
                   "changes nothing until it trains"));
}

}  // namespace temper::graph
