#include "graph/onnx/deploy/fold_batchnorm.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr std::size_t kScale = 1, kShift = 2, kMean = 3, kVariance = 4;

class BatchNormFolder {
 public:
  explicit BatchNormFolder(ModelEdit& edit) : edit_(edit), flat_(edit.flat()), index_(flat_) {}

  int run() {
    int count = 0;
    for (const FlatNode& node : flat_.nodes) {
      if (is_batchnorm(node) && !node.inlined && node.inputs.size() == 5) {
        const auto layer = layer_before(node);
        if (layer && statistics_fit(node, *layer)) {
          fold(node, *layer);
          ++count;
        }
      }
    }
    return count;
  }

 private:
  std::optional<LinearLayer> layer_before(const FlatNode& norm) {
    const std::string& x = norm.inputs[0];
    const FlatNode* maker = index_.maker(x);
    if (maker == nullptr || index_.readers(x).size() != 1 || edit_.reads_of(x) != 1 ||
        int_attribute(*norm.source, "training_mode", 0) != 0 || norm.outputs.size() != 1) {
      return {};
    }
    const auto layer = linear_layer(edit_, index_, *maker);
    const bool owns = layer && layer->bias_add == nullptr && maker->inputs[1] == layer->weight &&
                      edit_.reads_of(layer->weight) == 1;
    const bool computed_bias =
        layer && layer->bias.empty() && maker->inputs.size() > 2 && !maker->inputs[2].empty();
    if (!owns || computed_bias || facts_of(*maker).is_bare_product()) {
      return {};
    }
    return layer;
  }

  // What a Gemm multiplies its addend by.
  static double addend_factor(const FlatNode& node) {
    const wire::AttributeProto* beta = node.find("beta");
    return beta == nullptr ? 1 : static_cast<double>(beta->f());
  }

  // Stored, a number for each channel.
  bool statistics_fit(const FlatNode& norm, const LinearLayer& layer) {
    const TensorHeader weight = edit_.header(layer.weight);
    const std::int64_t groups =
        layer.output_axis == 1 ? int_attribute(*layer.node->source, "group", 1) : 1;
    const std::int64_t channels = weight.shape[layer.output_axis] * groups;
    std::vector<std::string> parts{norm.inputs.begin() + kScale, norm.inputs.end()};
    if (!layer.bias.empty()) {
      parts.push_back(layer.bias);
    }
    return groups > 0 && weight.elements > 0 &&
           std::all_of(parts.begin(), parts.end(), [&](const std::string& name) {
             return edit_.find_tensor(name) != nullptr && edit_.header(name).elements == channels;
           });
  }

  void fold(const FlatNode& norm, const LinearLayer& layer) {
    const auto read = [&](std::size_t i) { return edit_.read(norm.inputs[i]).values<double>(); };
    std::vector<double> factor = read(kScale), shift = read(kShift);
    const std::vector<double> mean = read(kMean), variance = read(kVariance);
    const wire::AttributeProto* given = norm.find("epsilon");
    const double epsilon = given == nullptr ? 1e-5 : static_cast<double>(given->f());
    std::vector<double> bias(factor.size(), 0);
    if (!layer.bias.empty()) {
      bias = edit_.read(layer.bias).values<double>();
      const double times = addend_factor(*layer.node);
      std::transform(bias.begin(), bias.end(), bias.begin(),
                     [&](double value) { return times * value; });
    }
    for (std::size_t i = 0; i < factor.size(); ++i) {
      factor[i] /= std::sqrt(variance[i] + epsilon);
      bias[i] = (bias[i] - mean[i]) * factor[i] + shift[i];
    }
    const Tensor weight = edit_.read(layer.weight);
    const Shape& shape = weight.shape();
    const std::int64_t units = shape[layer.output_axis];
    const std::int64_t inner = shape.count(layer.output_axis + 1, shape.rank());
    const auto channels = static_cast<std::int64_t>(factor.size());
    // A ConvTranspose has the outputs of each group behind the inputs of that group.
    const std::int64_t group_elements = shape.element_count() / (channels / units);
    std::vector<double> values = weight.values<double>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      const std::int64_t channel = at / group_elements * units + at / inner % units;
      values[i] *= factor[static_cast<std::size_t>(layer.output_axis == 0 ? at / inner : channel)];
    }
    edit_.replace_tensor(layer.weight, Tensor::from<double>(weight.dtype(), shape, values));
    put_bias(layer, Tensor::from<double>(weight.dtype(), Shape{channels}, bias));
    wire::NodeProto& file = edit_.node_of(*layer.node);
    file.set_output(0, norm.outputs[0]);
    edit_.remove_node(edit_.node_of(norm));
    edit_.remove_unread({layer.bias, norm.inputs[kScale], norm.inputs[kShift], norm.inputs[kMean],
                         norm.inputs[kVariance]});
  }

  void put_bias(const LinearLayer& layer, const Tensor& value) {
    const std::string name = edit_.unique(layer.name() + ".folded_bias");
    edit_.add_tensor(name, value, edit_.header(layer.weight).file_type);
    wire::NodeProto& file = edit_.node_of(*layer.node);
    remove_attribute(file, "beta");
    if (file.input_size() > 2) {
      file.set_input(2, name);
    } else {
      file.add_input(name);
    }
  }

  ModelEdit& edit_;
  FlatGraph flat_;
  FlatIndex index_;
};

}  // namespace

int fold_batchnorm(ModelEdit& edit) {
  const int count = BatchNormFolder(edit).run();
  if (count > 0) {
    edit.note(concat("BatchNormalization folded into the layer in front of it: ", count));
  }
  return count;
}

}  // namespace temper::graph
