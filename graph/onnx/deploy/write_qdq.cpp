#include "graph/onnx/deploy/write_qdq.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

class QdqWriter {
 public:
  QdqWriter(ModelEdit& edit, const QdqTable& table) : edit_(edit), table_(table) {}

  QdqNames run() {
    std::int64_t opset = 10;
    for (const auto& [name, by] : table_.tensors) {
      opset = std::max<std::int64_t>(opset, by.axis >= 0 ? 13 : 10);
      opset = std::max<std::int64_t>(opset, by.block > 0 || is_narrow(by.type) ? 21 : 10);
    }
    check_quantized_opset(edit_, opset, "integers");
    for (const auto& [name, by] : table_.tensors) {
      if (edit_.find_tensor(name) != nullptr && !table_.kept.contains(name)) {
        store(name, by);
      } else if (!is_rounded_output(name)) {
        round(name, by);
      }
    }
    // Last, as the nodes that make them, which readers are known by, get other outputs.
    for (const auto& [name, by] : table_.tensors) {
      if (is_rounded_output(name)) {
        round_output(name, by);
      }
    }
    return std::move(names_);
  }

 private:
  void store(const std::string& name, const Quantization& by) {
    const StoredIntegers made = add_integers_of(edit_, name, edit_.read(name), by);
    names_[name] = made;
    const std::string floats = edit_.unique(name + "_dequantized");
    finish(edit_.insert_before(first_reader(name, {}), "DequantizeLinear",
                               {made.values, made.scales, made.zeros}, floats),
           by);
    redirect(name, floats, {});
    edit_.remove_unread({name});
  }

  // An output that a node of the main graph makes and everybody is to read rounded.
  bool is_rounded_output(const std::string& name) {
    return edit_.is_output(name) && !table_.readers.contains(name) &&
           edit_.find_tensor(name) == nullptr && producer_of(edit_, name) != nullptr;
  }

  // The model gives the rounded value, under its name.
  void round_output(const std::string& name, const Quantization& by) {
    const StoredIntegers scales = add_scales(edit_, name, by, {});
    names_[name] = scales;
    const std::string whole = edit_.unique(name + "_quantized");
    const std::string before = edit_.unique(name + "_before_rounding");
    wire::NodeProto& producer = *producer_of(edit_, name);
    std::replace(producer.mutable_output()->begin(), producer.mutable_output()->end(), name,
                 before);
    wire::NodeProto& quantize = edit_.insert_after(producer, "QuantizeLinear",
                                                   {before, scales.scales, scales.zeros}, whole);
    finish(quantize, by);
    finish(edit_.insert_after(quantize, "DequantizeLinear", {whole, scales.scales, scales.zeros},
                              name),
           by);
  }

  void round(const std::string& name, const Quantization& by) {
    const bool stored = edit_.find_tensor(name) != nullptr;
    const StoredIntegers scales =
        add_scales(edit_, name, by, stored ? edit_.header(name).shape : Shape{});
    names_[name] = scales;
    const std::string whole = edit_.unique(name + "_quantized");
    const std::string floats = edit_.unique(name + "_dequantized");
    const auto limited = table_.readers.find(name);
    const std::set<std::string> readers =
        limited == table_.readers.end() ? std::set<std::string>{} : limited->second;
    wire::NodeProto& quantize = edit_.insert_before(first_reader(name, readers), "QuantizeLinear",
                                                    {name, scales.scales, scales.zeros}, whole);
    finish(quantize, by);
    finish(edit_.insert_after(quantize, "DequantizeLinear", {whole, scales.scales, scales.zeros},
                              floats),
           by);
    redirect(name, floats, readers, &quantize);
  }

  static void finish(wire::NodeProto& node, const Quantization& by) {
    if (by.axis >= 0) {
      set_int(node, "axis", by.axis);
    }
    if (by.block > 0) {
      set_int(node, "block_size", by.block);
    }
  }

  static bool reads(const wire::NodeProto& node, const std::string& name,
                    const std::set<std::string>& readers) {
    return (readers.empty() || (node.output_size() > 0 && readers.contains(node.output(0)))) &&
           std::find(node.input().begin(), node.input().end(), name) != node.input().end();
  }

  wire::NodeProto& first_reader(const std::string& name, const std::set<std::string>& readers) {
    for (auto& node : *edit_.graph().mutable_node()) {
      if (reads(node, name, readers)) {
        return node;
      }
    }
    TEMPER_CHECK(false, ErrorCode::kInvalidArgument, "no node reads '", name,
                 "', which is to be quantised");
    return *edit_.graph().mutable_node(0);
  }

  void redirect(const std::string& from, const std::string& to,
                const std::set<std::string>& readers, const wire::NodeProto* but = nullptr) {
    for (auto& node : *edit_.graph().mutable_node()) {
      if (&node != but && reads(node, from, readers)) {
        std::replace(node.mutable_input()->begin(), node.mutable_input()->end(), from, to);
      }
    }
  }

  ModelEdit& edit_;
  const QdqTable& table_;
  QdqNames names_;
};

}  // namespace

QdqNames write_qdq(ModelEdit& edit, const QdqTable& table) { return QdqWriter(edit, table).run(); }

void check_quantized_opset(const ModelEdit& edit, std::int64_t needed, const std::string& option) {
  TEMPER_CHECK(edit.opset() >= needed, ErrorCode::kUnsupported, option, " needs opset ", needed,
               " or newer, and the model is of opset ", edit.opset(), ": add --opset ", needed);
}

wire::NodeProto* producer_of(ModelEdit& edit, const std::string& value) {
  for (auto& node : *edit.graph().mutable_node()) {
    if (std::find(node.output().begin(), node.output().end(), value) != node.output().end()) {
      return &node;
    }
  }
  return nullptr;
}

std::int32_t file_type_of(DType type) {
  switch (type) {
    case DType::kUInt8:
      return 2;
    case DType::kInt8:
      return 3;
    case DType::kInt32:
      return 6;
    case DType::kInt4:
      return 22;
    default:
      TEMPER_ASSERT(false, type);
      return 0;
  }
}

StoredIntegers add_scales(ModelEdit& edit, const std::string& name, const Quantization& by,
                          const Shape& shape) {
  StoredIntegers made;
  made.scales = edit.unique(name + "_scale");
  made.zeros = edit.unique(name + "_zero_point");
  const Shape wanted = by.scale_shape(shape);
  edit.add_tensor(made.scales, Tensor::from<float>(DType::kFloat32, wanted, by.scales), kFloat);
  edit.add_tensor(made.zeros, Tensor::from<std::int64_t>(by.type, wanted, by.zeros),
                  file_type_of(by.type));
  return made;
}

StoredIntegers add_integers_of(ModelEdit& edit, const std::string& name, const Tensor& values,
                               const Quantization& by) {
  StoredIntegers made = add_scales(edit, name, by, values.shape());
  made.values = edit.unique(name + "_quantized");
  edit.add_tensor(made.values, quantized(values, by), file_type_of(by.type));
  return made;
}

}  // namespace temper::graph
