#include "graph/onnx/deploy/quantize_training.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include <onnx.pb.h>

#include "graph/onnx/deploy/fold_batchnorm.h"
#include "graph/onnx/deploy/quantize_pack.h"
#include "graph/onnx/deploy/quantize_static.h"
#include "graph/onnx/deploy/remaining_data.h"
#include "graph/onnx/inference_form.h"
#include "graph/onnx/places.h"
#include "graph/onnx/surgery/model_edit.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr float kLeastScale = std::numeric_limits<float>::epsilon();

void check_file(const ModelEdit& edit, const RoundingOptions& options) {
  const std::int64_t opset = options.weights == DType::kInt4 ? 21 : 13;
  TEMPER_CHECK(edit.opset() >= opset, ErrorCode::kUnsupported,
               "quantize.bits = ", options.weights == DType::kInt4 ? 4 : 8, " needs opset ", opset,
               " or newer, and the model is of opset ", edit.opset(),
               ": temper convert MODEL.onnx NEWER.onnx --opset ", opset);
  const FlatGraph flat = edit.flat();
  for (const FlatNode& node : flat.nodes) {
    const Movement movement = facts_of(node).movement;
    TEMPER_CHECK(movement != Movement::kRound && movement != Movement::kUnround,
                 ErrorCode::kUnsupported, "quantize.bits is set, but the model rounds already (",
                 node.op, " '", node.name.empty() ? node.outputs[0] : node.name,
                 "'): leave [quantize] out, or train the model that it was made from");
  }
}

// A scale is taken for what it is while it was not learnt: 1, which changes nothing yet.
std::map<std::string, Quantization> unsettled(const QuantizePlan& plan,
                                              const RoundingOptions& options) {
  std::map<std::string, Quantization> values;
  for (const std::string& value : plan.values) {
    values[value] = {options.activations, {1}, {0}, -1, 0};
  }
  return values;
}

std::vector<RoundedTensor> tensors_of(const QuantizePlan& plan, const QdqNames& names,
                                      const RoundingOptions& options) {
  std::vector<RoundedTensor> tensors;
  std::set<std::string> weights;
  for (const QuantizedProduct& product : plan.products) {
    if (!product.weight.empty() && weights.insert(product.weight).second) {
      const StoredIntegers& at = names.at(product.weight);
      tensors.push_back({product.weight, at.scales, at.zeros, at.scales, "", product.weight_axis,
                         options.weights, true, integers_of(options.weights, true)});
    }
  }
  for (const std::string& value : plan.values) {
    const StoredIntegers& at = names.at(value);
    const std::string& range = root_of(plan, value);
    tensors.push_back({value, at.scales, at.zeros, names.at(range).scales, range, -1,
                       options.activations, options.plan.symmetric,
                       integers_of(options.activations, options.plan.symmetric)});
  }
  return tensors;
}

const PlainValue* find(const std::map<std::string, PlainValue>& values, const std::string& name) {
  const auto found = values.find(name);
  return found == values.end() ? nullptr : &found->second;
}

// Scales and zero points into the file, and the weights that are to become integers.
class Settler {
 public:
  Settler(ModelEdit& edit, const std::map<std::string, PlainValue>& values)
      : edit_(edit), values_(values) {}

  void settle(const RoundedTensor& tensor) {
    if (tensor.is_weight()) {
      if (const PlainValue* trained = find(values_, tensor.name)) {
        edit_.replace_tensor(tensor.name, whole_tensor(*trained));
        done_.insert(tensor.name);
      }
      put_scales(tensor, scales_of_weight(tensor));
      return;
    }
    const Quantization by = quantization_of_range(tensor, end(tensor.low()), end(tensor.high()));
    put_scales(tensor, by.scales);
    edit_.replace_tensor(tensor.zero, Tensor::from<std::int64_t>(tensor.type, {}, by.zeros));
    done_.insert({tensor.low(), tensor.high()});
  }

  // What is not rounded. Biases may become integers, so they go into the messages.
  void put_others() {
    for (const auto& [name, value] : values_) {
      if (done_.contains(name)) {
        continue;
      }
      const bool small = value.shape.rank() <= 1 && edit_.find_tensor(name) != nullptr;
      small ? edit_.replace_tensor(name, whole_tensor(value))
            : edit_.set_value(name, whole_tensor(value));
    }
  }

 private:
  float end(const std::string& name) const {
    const PlainValue* found = find(values_, name);
    TEMPER_ASSERT(found != nullptr, name);
    return whole_tensor(*found).values<float>().at(0);
  }

  std::vector<float> scales_of_weight(const RoundedTensor& tensor) {
    return weight_quantization(edit_.read(tensor.name), tensor.type, tensor.axis).scales;
  }

  void put_scales(const RoundedTensor& tensor, std::vector<float> scales) {
    if (const PlainValue* learnt = find(values_, tensor.learnt)) {
      scales = whole_tensor(*learnt).values<float>();
      done_.insert(tensor.learnt);
    }
    for (float& scale : scales) {
      TEMPER_CHECK(std::isfinite(scale), ErrorCode::kInvalidArgument, "the scale of '", tensor.name,
                   "' is not a finite number");
      scale = std::max(scale, kLeastScale);
    }
    edit_.replace_tensor(
        tensor.scale,
        Tensor::from<float>(DType::kFloat32, edit_.header(tensor.scale).shape, scales));
  }

  ModelEdit& edit_;
  const std::map<std::string, PlainValue>& values_;
  std::set<std::string> done_;
};

}  // namespace

RoundedModel round_for_training(const OnnxModel& model, const RoundingOptions& options) {
  ModelEdit edit(model);
  check_file(edit, options);
  fold_batchnorm(edit);
  const QuantizePlan plan = plan_quantization(edit, options.plan);
  const QdqNames names =
      write_quantized(edit, plan, unsettled(plan, options), true, options.weights);
  std::vector<std::string> notes = edit.notes();
  notes.push_back(concat("[quantize]: ", plan.products.size(),
                         " products whose weights are rounded"
                         ", ",
                         plan.values.size(), " values rounded between them"));
  for (const auto& [name, why] : plan.left) {
    notes.push_back(concat("[quantize]: '", name, "' stays in floats: ", why));
  }
  return {edit.model(), tensors_of(plan, names, options), std::move(notes)};
}

// In floats and in this order, as the graph computes it: the integers of a file are then those that
// the run measured.
Quantization quantization_of_range(const RoundedTensor& tensor, float low, float high) {
  TEMPER_CHECK(std::isfinite(low) && std::isfinite(high), ErrorCode::kInvalidArgument, "the range ",
               low, " to ", high, " of '", tensor.range, "' is not finite");
  const auto least = static_cast<float>(tensor.integers.low);
  const auto most = static_cast<float>(tensor.integers.high);
  low = std::min(low, 0.0f);
  high = std::max(high, 0.0f);
  if (tensor.symmetric) {
    return {tensor.type, {std::max(std::max(-low, high) / most, kLeastScale)}, {0}, -1, 0};
  }
  const float scale = std::max((high - low) / (most - least), kLeastScale);
  const float zero = std::clamp(least - std::nearbyint(low / scale), least, most);
  return {tensor.type, {scale}, {static_cast<std::int64_t>(zero)}, -1, 0};
}

void export_rounded(const RoundedModel& rounded, const std::map<std::string, PlainValue>& values,
                    bool integers, const std::string& path, const ExportedMetadata& metadata) {
  ModelEdit edit(rounded.model);
  Settler settler(edit, values);
  for (const RoundedTensor& tensor : rounded.tensors) {
    settler.settle(tensor);
  }
  settler.put_others();
  if (integers) {
    pack_quantized(edit);
  }
  to_inference_form(edit.proto());
  set_metadata(edit.proto(), metadata);
  edit.write(path, form_of_remaining(rounded.model, edit));
}

}  // namespace temper::graph
