#include "graph/onnx/deploy/channel_path.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// Give each channel of what they read first, computed from that channel alone.
constexpr std::array<std::string_view, 17> kByElement = {
    "Relu", "LeakyRelu", "Sigmoid",  "Tanh", "Clip", "HardSwish", "HardSigmoid", "Elu",    "Selu",
    "Celu", "Softplus",  "Softsign", "Gelu", "Mish", "Swish",     "Identity",    "Dropout"};
// Of [N, channels, ...].
constexpr std::array<std::string_view, 5> kPools = {"MaxPool", "AveragePool", "LpPool",
                                                    "GlobalAveragePool", "GlobalMaxPool"};

class PathWalk {
 public:
  PathWalk(ModelEdit& edit, const FlatIndex& index, const LinearLayer& layer)
      : edit_(edit), index_(index), layer_(layer), channels_(units_of(edit, layer)) {}

  ChannelPath run() {
    const bool owns = edit_.reads_of(layer_.weight) == 1 &&
                      (layer_.bias.empty() || edit_.reads_of(layer_.bias) == 1);
    if (!owns) {
      return stop("its weight or bias is read elsewhere too");
    }
    const std::vector<std::string>& inputs = layer_.node->inputs;
    if (layer_.bias.empty() && inputs.size() > 2 && !inputs[2].empty()) {
      return stop("its bias is computed");
    }
    if (is_grouped(*layer_.node)) {
      return stop("a convolution in groups");
    }
    std::string value = layer_.output();
    while (path_.broken.empty() && path_.reader.empty()) {
      const auto& readers = index_.readers(value);
      if (edit_.is_output(value) || readers.size() != 1 || edit_.reads_of(value) != 1) {
        return stop(edit_.is_output(value) ? "its outputs are the model's"
                                           : "its outputs go to more than one node");
      }
      value = take(*readers.front(), value);
    }
    return path_;
  }

 private:
  ChannelPath stop(const std::string& reason) {
    path_.broken = reason;
    return path_;
  }

  static bool is_grouped(const FlatNode& node) {
    return int_attribute(*node.source, "group", 1) != 1;
  }

  // What comes behind the node.
  std::string take(const FlatNode& node, const std::string& value) {
    const bool first = !node.inputs.empty() && node.inputs[0] == value && !node.inlined &&
                       std::count(node.inputs.begin(), node.inputs.end(), value) == 1;
    const auto layer = first ? linear_layer(edit_, index_, node) : std::nullopt;
    if (layer) {
      end(*layer);
    } else if (first && is_batchnorm(node) && takes_statistics(node)) {
      path_.by_channel.insert(path_.by_channel.end(), node.inputs.begin() + 1, node.inputs.end());
    } else if (first && node.domain.empty() && passes(node)) {
      return node.outputs[0];
    } else {
      stop(concat(node.label(), " takes its outputs together"));
    }
    return node.outputs[0];
  }

  bool takes_statistics(const FlatNode& node) {
    return node.inputs.size() == 5 &&
           std::all_of(node.inputs.begin() + 1, node.inputs.end(), [&](const std::string& name) {
             return edit_.find_tensor(name) != nullptr && edit_.reads_of(name) == 1;
           });
  }

  bool of_pictures() const { return layer_.kind != Linear::kMatrix; }

  bool passes(const FlatNode& node) {
    const auto is_one_of = [&](const auto& ops) {
      return std::find(ops.begin(), ops.end(), node.op) != ops.end();
    };
    const bool flat = node.op == "Flatten" ? int_attribute(*node.source, "axis", 1) == 1
                                           : node.op == "Reshape" && flattens(node);
    flattened_ = flattened_ || flat;
    return flat || is_one_of(kByElement) || (of_pictures() && is_one_of(kPools));
  }

  // A Reshape to [N, all the rest].
  bool flattens(const FlatNode& node) {
    const bool stored = node.inputs.size() > 1 && edit_.find_tensor(node.inputs[1]) != nullptr &&
                        edit_.reads_of(node.inputs[1]) == 1;
    const std::vector<std::int64_t> target =
        stored ? edit_.integers(node.inputs[1]) : std::vector<std::int64_t>{};
    if (target.size() != 2) {
      return false;
    }
    if (target[1] != -1) {
      path_.targets.push_back(node.inputs[1]);
    }
    return target[1] == -1 || target[1] > 0;
  }

  void end(const LinearLayer& behind) {
    const Shape shape = edit_.header(behind.weight).shape;
    const int axis = 1 - behind.output_axis;
    const bool is_conv = shape.rank() > 2;
    const std::int64_t inputs = shape[axis];
    // A matrix multiplies the last axis, where channels of pictures lie once they are flattened.
    const bool along_channels = is_conv ? of_pictures() && !flattened_ && inputs == channels_
                                : of_pictures() ? flattened_ && inputs % channels_ == 0
                                                : inputs == channels_;
    if (edit_.reads_of(behind.weight) != 1 || is_grouped(*behind.node) || !along_channels) {
      stop(concat(behind.node->label(), " takes its outputs in groups, or its weight is shared"));
      return;
    }
    path_.reader = behind.weight;
    path_.reader_axis = axis;
    path_.values_per_channel = inputs / channels_;
  }

  ModelEdit& edit_;
  const FlatIndex& index_;
  const LinearLayer& layer_;
  std::int64_t channels_;
  bool flattened_ = false;
  ChannelPath path_;
};

}  // namespace

ChannelPath channel_path(ModelEdit& edit, const FlatIndex& index, const LinearLayer& layer) {
  return PathWalk(edit, index, layer).run();
}

}  // namespace temper::graph
