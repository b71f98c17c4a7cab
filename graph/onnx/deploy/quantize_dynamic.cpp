#include "graph/onnx/deploy/quantize_dynamic.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fold_batchnorm.h"
#include "graph/onnx/deploy/quantize_plan.h"
#include "graph/onnx/deploy/write_qdq.h"
#include "graph/onnx/places.h"
#include "graph/onnx/surgery/fresh_values.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

// Why a layer with a stored weight keeps it; empty: it does not.
std::string obstacle(ModelEdit& edit, const LinearLayer& layer) {
  const FlatNode& node = *layer.node;
  const TensorHeader weight = edit.header(layer.weight);
  if (weight.file_type != kFloat) {
    return concat("its weight is ", onnx_type_name(weight.file_type));
  }
  if (weight.elements == 0) {
    return "its weight is empty";
  }
  return node.inputs[1] == layer.weight ? ""
                                        : "its weight is behind a Transpose (--fold takes it away)";
}

// The layers that can be quantised and are wanted; notes say which stay.
class Layers {
 public:
  Layers(ModelEdit& edit, const NameTest& skip, const char* option)
      : edit_(edit), skip_(skip), option_(option), flat_(edit.flat()), index_(flat_) {}

  template <class Why, class Take>
  int each(Why why, Take take) {
    int count = 0;
    for (const FlatNode& node : flat_.nodes) {
      const auto layer = linear_layer(edit_, index_, node);
      if (!layer) {
        continue;
      }
      std::string reason = obstacle(edit_, *layer);
      reason = reason.empty() ? why(*layer) : reason;
      reason = skip_ && layer->is_meant(skip_) ? "--skip" : reason;
      if (reason.empty()) {
        take(*layer);
        ++count;
      } else {
        left_.push_back(concat("'", layer->name(), "' stays in floats: ", reason));
      }
    }
    TEMPER_CHECK(count > 0, skip_ ? ErrorCode::kInvalidArgument : ErrorCode::kUnsupported, option_,
                 ": no layer of the model can be quantised",
                 left_.empty() ? "" : concat("; ", join(left_, "; ")));
    for (const std::string& line : left_) {
      edit_.note(concat(option_, ": ", line));
    }
    return count;
  }

 private:
  ModelEdit& edit_;
  const NameTest& skip_;
  const char* option_;
  FlatGraph flat_;
  FlatIndex index_;
  std::vector<std::string> left_;
};

bool is_transposed(const FlatNode& node) {
  const wire::AttributeProto* found = node.find("transA");
  return found != nullptr && found->i() != 0;
}

class DynamicQuantizer {
 public:
  DynamicQuantizer(ModelEdit& edit, const QuantizeDynamicOptions& options)
      : edit_(edit), options_(options) {}

  int run() {
    const int count = Layers(edit_, options_.skip, "--int8 dynamic")
                          .each([&](const LinearLayer& layer) { return reason(layer); },
                                [&](const LinearLayer& layer) { replace(layer); });
    edit_.remove_unread(unread_);
    return count;
  }

 private:
  std::string reason(const LinearLayer& layer) {
    const FlatNode& node = *layer.node;
    if (layer.kind == Linear::kConvolution && layer.output_axis != 0) {
      return "ONNX has no ConvTranspose of integers";
    }
    if (is_transposed(node)) {
      return "what it multiplies is transposed";
    }
    const bool has_addend = node.inputs.size() > 2 && !node.inputs[2].empty();
    if (has_addend && (layer.bias.empty() || factor_of(node, "beta") != 1)) {
      return "what it adds is not stored, or not once for each output";
    }
    return edit_.find_tensor(node.inputs[0]) != nullptr ? "it multiplies a constant" : "";
  }

  void replace(const LinearLayer& layer) {
    const FlatNode& node = *layer.node;
    const bool conv = layer.kind == Linear::kConvolution;
    wire::NodeProto& old = edit_.node_of(node);
    const Input& x = quantised_input(old, node.inputs[0]);
    const Weight& w = quantised_weight(layer);
    const std::string y = node.outputs[0];
    const auto make = [&](const char* op, const std::vector<std::string>& inputs,
                          const std::string& output) -> wire::NodeProto& {
      return edit_.insert_before(old, op, inputs, output);
    };
    const std::string sums = edit_.unique(y + "_sums"), floats = edit_.unique(y + "_unscaled");
    const std::string scales = edit_.unique(y + "_scales");
    wire::NodeProto& product =
        make(conv ? "ConvInteger" : "MatMulInteger", {x.values, w.values, x.zero, w.zeros}, sums);
    if (conv) {
      *product.mutable_attribute() = old.attribute();
    }
    set_int(make("Cast", {sums}, floats), "to", kFloat);
    make("Mul", {x.scale, w.scales}, scales);
    const bool add = layer.bias_add == nullptr && !layer.bias.empty();
    const std::string scaled = add ? edit_.unique(y + "_without_bias") : y;
    old.clear_output();
    make("Mul", {floats, scales}, scaled);
    if (add) {
      make("Add", {scaled, conv ? along_channels(layer) : layer.bias}, y);
      unread_.insert(layer.bias);
    }
    unread_.insert(layer.weight);
    edit_.remove_node(old);
  }

  struct Input {
    std::string values, scale, zero;
  };
  const Input& quantised_input(const wire::NodeProto& place, const std::string& x) {
    const auto [found, is_new] = inputs_.try_emplace(x);
    Input& made = found->second;
    if (is_new) {
      made = {edit_.unique(x + "_quantized"), edit_.unique(x + "_scale"),
              edit_.unique(x + "_zero_point")};
      wire::NodeProto& node = edit_.insert_before(place, "DynamicQuantizeLinear", {x}, made.values);
      node.add_output(made.scale);
      node.add_output(made.zero);
    }
    return made;
  }

  struct Weight {
    std::string values, scales, zeros;
  };
  // As MatMulInteger reads it: [inputs, outputs]. A convolution's scales stand along the channels
  // of what it gives, and its one zero point is 0.
  const Weight& quantised_weight(const LinearLayer& layer) {
    const bool conv = layer.kind == Linear::kConvolution;
    const bool turn = !conv && layer.output_axis == 0;
    const float factor = factor_of(*layer.node, "alpha");
    const auto [found, is_new] = weights_.try_emplace({layer.weight, turn, factor});
    Weight& made = found->second;
    if (!is_new) {
      return made;
    }
    Tensor values = edit_.read(layer.weight);
    values = turn ? turned(values) : values;
    const int axis = !options_.per_channel ? -1 : conv ? 0 : 1;
    Quantization by = weight_quantization(values, DType::kInt8, axis);
    const Tensor integers = quantized(values, by);
    for (float& scale : by.scales) {
      scale *= conv ? 1 : factor;
    }
    made = {edit_.unique(layer.weight + "_quantized"), edit_.unique(layer.weight + "_scale"),
            edit_.unique(layer.weight + "_zero_point")};
    Shape shape = by.scale_shape(values.shape());
    for (int i = 2; conv && axis >= 0 && i < values.shape().rank(); ++i) {
      shape.push_back(1);
    }
    edit_.add_tensor(made.values, integers, file_type_of(by.type));
    edit_.add_tensor(made.scales, Tensor::from<float>(DType::kFloat32, shape, by.scales), kFloat);
    const Shape zeros = conv ? Shape{} : shape;
    edit_.add_tensor(made.zeros, Tensor(by.type, zeros), file_type_of(by.type));
    return made;
  }

  // [channels, 1, 1], in front of which a sum has the samples.
  std::string along_channels(const LinearLayer& layer) {
    std::string& made = biases_[layer.bias];
    if (made.empty()) {
      const Tensor bias = edit_.read(layer.bias);
      Shape shape = bias.shape();
      for (int i = 2; i < edit_.header(layer.weight).shape.rank(); ++i) {
        shape.push_back(1);
      }
      made = edit_.unique(layer.bias + "_of_channels");
      edit_.add_tensor(made, bias.reshaped(shape), kFloat);
    }
    return made;
  }

  ModelEdit& edit_;
  const QuantizeDynamicOptions& options_;
  std::map<std::string, Input> inputs_;
  std::map<std::tuple<std::string, bool, float>, Weight> weights_;
  std::map<std::string, std::string> biases_;
  std::set<std::string> unread_;
};

}  // namespace

int quantize_dynamic(ModelEdit& edit, const QuantizeDynamicOptions& options) {
  check_quantized_opset(edit, 11, "--int8 dynamic");
  fold_batchnorm(edit);
  const int count = DynamicQuantizer(edit, options).run();
  edit.note(concat("--int8 dynamic: ", count, " products of integers"));
  return count;
}

int quantize_blocks(ModelEdit& edit, const QuantizeBlocksOptions& options) {
  check_quantized_opset(edit, 21, "--int4");
  TEMPER_CHECK(options.block >= 16 && (options.block & (options.block - 1)) == 0,
               ErrorCode::kInvalidArgument, "--int4 has the block ", options.block,
               ", expected a power of 2 from 16 on");
  QdqTable table;
  const auto reason = [](const LinearLayer& layer) {
    return layer.kind == Linear::kConvolution ? "convolutions have no 4-bit form" : "";
  };
  const int count = Layers(edit, options.skip, "--int4").each(reason, [&](const LinearLayer& one) {
    table.tensors.try_emplace(one.weight, weight_quantization(edit.read(one.weight), DType::kInt4,
                                                              1 - one.output_axis, options.block));
  });
  write_qdq(edit, table);
  edit.note(concat("--int4: ", count, " layers with 4-bit weights, a scale for ", options.block,
                   " inputs"));
  return count;
}

}  // namespace temper::graph
