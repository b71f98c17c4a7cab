#include "graph/onnx/surgery/restore_bias.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// Whether a bias would be taken away again by a mean.
bool is_normalised(const FlatIndex& index, const FlatNode& node) {
  const auto& readers = index.readers(node.outputs[0]);
  return !readers.empty() &&
         std::all_of(readers.begin(), readers.end(),
                     [](const FlatNode* reader) { return is_batchnorm(*reader); });
}

std::vector<LinearLayer> without_bias(ModelEdit& edit, const FlatGraph& flat,
                                      const FlatIndex& index) {
  std::vector<LinearLayer> layers;
  for (const FlatNode& node : flat.nodes) {
    const auto layer = linear_layer(edit, index, node);
    const bool has_input = node.inputs.size() > 2 && !node.inputs[2].empty();
    // What is behind a product may be a bias in another form.
    const auto& readers = index.readers(node.outputs[0]);
    const bool has_addend =
        readers.size() == 1 && facts_of(*readers[0]).arithmetic == Arithmetic::kAdd &&
        std::any_of(readers[0]->inputs.begin(), readers[0]->inputs.end(),
                    [&](const std::string& input) { return edit.find_tensor(input) != nullptr; });
    if (layer && layer->bias.empty() && !has_input && !has_addend && !is_normalised(index, node)) {
      layers.push_back(*layer);
    }
  }
  return layers;
}

}  // namespace

std::string add_bias(ModelEdit& edit, const LinearLayer& layer, const Tensor& value) {
  const TensorHeader header = edit.header(layer.weight);
  const std::string bias = edit.unique(layer.name() + ".bias");
  edit.add_tensor(bias, value, header.file_type);
  wire::NodeProto& product = edit.node_of(*layer.node);
  if (!facts_of(*layer.node).is_bare_product()) {
    while (product.input_size() < 3) {
      product.add_input();
    }
    product.set_input(2, bias);
    remove_attribute(product, "beta");
    return bias;
  }
  const std::string y = product.output(0);
  const std::string bare = edit.unique(y + "_without_bias");
  product.set_output(0, bare);
  edit.insert_after(product, "Add", {bare, bias}, y);
  return bias;
}

std::vector<std::string> layers_without_bias(ModelEdit& edit) {
  const FlatGraph flat = edit.flat();
  std::vector<std::string> names;
  for (const LinearLayer& layer : without_bias(edit, flat, FlatIndex(flat))) {
    names.push_back(layer.name());
  }
  return names;
}

void restore_bias(ModelEdit& edit, const NameTest& match) {
  const FlatGraph flat = edit.flat();
  const FlatIndex index(flat);
  int count = 0;
  std::vector<std::string> names;
  for (const LinearLayer& layer : without_bias(edit, flat, index)) {
    names.push_back(concat("'", layer.name(), "'"));
    if (!match || layer.is_meant(match)) {
      add_bias(edit, layer, Tensor(edit.header(layer.weight).dtype, Shape{units_of(edit, layer)}));
      ++count;
    }
  }
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidArgument, "--restore-bias: ",
               names.empty() ? "every Gemm, MatMul and Conv with a stored weight "
                               "has a bias, or goes into a BatchNormalization"
                             : "the pattern of --match names no layer without a "
                               "bias; such layers are ",
               join(names, ", "));
  edit.note(concat("--restore-bias: ", count, " layers have a bias of zeros"));
}

}  // namespace temper::graph
