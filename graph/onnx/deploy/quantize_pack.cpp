#include "graph/onnx/deploy/quantize_pack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>

#include <onnx.pb.h>

#include "graph/onnx/deploy/quantize_plan.h"
#include "graph/onnx/deploy/write_qdq.h"
#include "graph/onnx/places.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

class Packer {
 public:
  explicit Packer(ModelEdit& edit) : edit_(edit) {}

  int run() {
    int weights = 0;
    for (const std::string& rounded : rounded_tensors()) {
      pack(rounded);
      ++weights;
    }
    TEMPER_CHECK(weights > 0, ErrorCode::kUnsupported,
                 "--int8 pack: no weight of the model is rounded by a QuantizeLinear with stored "
                 "scales; --int8 training --calibrate DATA makes such a model to train");
    const QdqTable biases = biases_of_products();
    if (!biases.tensors.empty()) {
      write_qdq(edit_, biases);
    }
    edit_.note(concat("--int8 pack: ", weights, " weights and ", biases.tensors.size(),
                      " biases are stored as integers"));
    return weights;
  }

 private:
  bool is_stored_float(const std::string& name) {
    return edit_.find_tensor(name) != nullptr && edit_.header(name).file_type == kFloat;
  }

  // Outputs of the nodes that round them.
  std::vector<std::string> rounded_tensors() {
    const FlatGraph flat = edit_.flat();
    std::vector<std::string> found;
    for (const FlatNode& node : flat.nodes) {
      const bool rounds = facts_of(node).movement == Movement::kRound && node.outputs.size() == 1 &&
                          node.inputs.size() >= 2 && !node.inlined;
      if (rounds && is_stored_float(node.inputs[0]) && is_stored_float(node.inputs[1])) {
        found.push_back(node.outputs[0]);
      }
    }
    return found;
  }

  // What a node that rounds or unrounds says; none where a part of it is computed.
  std::optional<Quantization> quantization_at(const wire::NodeProto& node) {
    if (node.input_size() < 2 || !is_stored_float(node.input(1))) {
      return std::nullopt;
    }
    Quantization by;
    const Tensor scales = edit_.read(node.input(1));
    by.scales = scales.values<float>();
    by.block = int_attribute(node, "block_size", 0);
    by.axis = static_cast<int>(int_attribute(node, "axis", 1));
    by.axis = is_one_scale(node, scales.shape(), by) ? -1 : by.axis;
    by.zeros.assign(by.scales.size(), 0);
    by.type = DType::kUInt8;
    if (node.input_size() > 2 && !node.input(2).empty()) {
      if (edit_.find_tensor(node.input(2)) == nullptr) {
        return std::nullopt;
      }
      const Tensor zeros = edit_.read(node.input(2));
      by.zeros = zeros.values<std::int64_t>();
      by.type = zeros.dtype();
    }
    return by;
  }

  // Whether all share a scale. One in a list of its own is that of a layer with a single output.
  bool is_one_scale(const wire::NodeProto& node, const Shape& scales, const Quantization& by) {
    if (by.block > 0 || scales.element_count() != 1) {
      return false;
    }
    if (scales.rank() == 0 || edit_.find_tensor(node.input(0)) == nullptr) {
      return true;
    }
    const Shape shape = edit_.header(node.input(0)).shape;
    const int axis = by.axis < 0 ? by.axis + shape.rank() : by.axis;
    return axis < 0 || axis >= shape.rank() || shape[axis] != 1;
  }

  void pack(const std::string& rounded) {
    wire::NodeProto& node = *producer_of(edit_, rounded);
    const std::string name = node.input(0);
    std::optional<Quantization> by = quantization_at(node);
    TEMPER_CHECK(
        by && (by->type == DType::kInt8 || by->type == DType::kUInt8 || by->type == DType::kInt4),
        ErrorCode::kUnsupported, "--int8 pack: '", name, "' is rounded to ",
        by ? concat(by->type) : std::string("integers with a computed zero point"),
        ", expected int8, uint8 or int4 with a stored one");
    const Tensor values = edit_.read(name);
    by->axis = by->axis < -1 ? by->axis + values.shape().rank() : by->axis;
    const std::string integers = edit_.unique(name + "_integers");
    edit_.add_tensor(integers, quantized(values, *by), file_type_of(by->type));
    for (auto& reader : *edit_.graph().mutable_node()) {
      std::replace(reader.mutable_input()->begin(), reader.mutable_input()->end(), rounded,
                   integers);
    }
    edit_.remove_node(*producer_of(edit_, rounded));
    edit_.remove_unread({name});
  }

  // How a value that a node gives from integers is rounded; none: it is none, or has blocks.
  std::optional<Quantization> rounding_of(const std::string& value, bool stored) {
    const wire::NodeProto* maker = producer_of(edit_, value);
    if (maker == nullptr || !unrounding_.contains(value) ||
        (stored && edit_.find_tensor(maker->input(0)) == nullptr)) {
      return std::nullopt;
    }
    const std::optional<Quantization> by = quantization_at(*maker);
    return by && by->block == 0 ? by : std::nullopt;
  }

  // Stored float biases of products whose operands both come from integers, and nobody else's.
  QdqTable biases_of_products() {
    const FlatGraph flat = edit_.flat();
    for (const FlatNode& node : flat.nodes) {
      if (facts_of(node).movement == Movement::kUnround) {
        unrounding_.insert(node.outputs[0]);
      }
    }
    QdqTable table;
    for (const FlatNode& node : flat.nodes) {
      if (facts_of(node).linear == Linear::kNone || node.inlined || node.inputs.size() < 3 ||
          !is_stored_float(node.inputs[2]) || edit_.reads_of(node.inputs[2]) > 1 ||
          !adds_bias_as_it_is(node)) {
        continue;
      }
      const auto input = rounding_of(node.inputs[0], false);
      const auto weight = rounding_of(node.inputs[1], true);
      if (!input || !weight || input->scales.size() != 1) {
        continue;
      }
      add_bias(node.inputs[2], input->scales.front(), *weight, table);
    }
    return table;
  }

  void add_bias(const std::string& bias, float input, const Quantization& weight, QdqTable& table) {
    const std::vector<float> values = edit_.read(bias).values<float>();
    if (edit_.header(bias).shape.rank() != 1 ||
        (weight.axis >= 0 && weight.scales.size() != values.size())) {
      return;
    }
    Quantization made = bias_quantization(input, weight.scales, weight.axis >= 0);
    constexpr double kMost = std::numeric_limits<std::int32_t>::max();
    for (std::size_t i = 0; i < values.size(); ++i) {
      const float scale = made.scales[weight.axis < 0 ? 0 : i];
      if (std::abs(static_cast<double>(values[i])) > kMost * static_cast<double>(scale)) {
        edit_.note(concat("--int8 pack: bias '", bias,
                          "' stays in floats: its scale is too fine for 32 bits"));
        return;
      }
    }
    table.tensors[bias] = std::move(made);
  }

  ModelEdit& edit_;
  std::set<std::string> unrounding_;  // values
};

}  // namespace

int pack_quantized(ModelEdit& edit) { return Packer(edit).run(); }

}  // namespace temper::graph
