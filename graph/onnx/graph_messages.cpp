#include "graph/onnx/graph_messages.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

#include <onnx.pb.h>

#include "graph/ir/op_def.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr std::uint64_t kAlignment = 64;  // of tensors in a data file
constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;

// The value of ConstantOfShape: a tensor of one element.
void set_filler(wire::AttributeProto& to, const std::string& name, const Attrs& attrs) {
  const DType dtype = dtype_from_name(attrs.get_string("dtype", "f32"));
  Tensor value(dtype, {1});
  visit_any(dtype, [&]<class T>() {
    value.span<T>()[0] = convert_element<T>(attrs.get_double("value", 0));
  });
  to.set_name(name);
  to.set_type(4);
  to.mutable_t()->set_data_type(onnx_type(dtype));
  to.mutable_t()->add_dims(1);
  to.mutable_t()->set_raw_data(encode_raw(onnx_type(dtype), value, name));
}

void set_entry(wire::TensorProto& tensor, const char* key, const std::string& value) {
  auto& entry = *tensor.add_external_data();
  entry.set_key(key);
  entry.set_value(value);
}

void set_attribute(wire::AttributeProto& to, const std::string& name, const AttrValue& value) {
  to.set_name(name);
  std::visit(
      [&]<class T>(const T& v) {
        if constexpr (std::is_same_v<T, std::int64_t>) {
          to.set_i(v);
          to.set_type(2);
        } else if constexpr (std::is_same_v<T, double>) {
          to.set_f(static_cast<float>(v));
          to.set_type(1);
        } else if constexpr (std::is_same_v<T, std::string>) {
          to.set_s(v);
          to.set_type(3);
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          to.mutable_ints()->Assign(v.begin(), v.end());
          to.set_type(7);
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          to.mutable_floats()->Assign(v.begin(), v.end());
          to.set_type(6);
        } else {
          to.mutable_strings()->Assign(v.begin(), v.end());
          to.set_type(8);
        }
      },
      value);
}

}  // namespace

std::int64_t ir_version_of(std::int64_t opset) {
  return opset <= 22 ? 10 : opset == 23 ? 11 : opset == 24 ? 12 : opset <= 27 ? 13 : 14;
}

std::int32_t onnx_type(DType dtype) {
  for (std::int32_t type = 1; is_known_onnx_type(type); ++type) {
    if (graph_dtype(type) == dtype) {
      return type;
    }
  }
  fail(ErrorCode::kInternal, "ONNX has no type ", dtype);
}

void declare_value(wire::ValueInfoProto& info, const std::string& name, DType dtype,
                   const std::vector<Dim>& dims) {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx_type(dtype));
  auto& shape = *tensor.mutable_shape();
  for (const Dim& dim : dims) {
    auto& to = *shape.add_dim();
    if (dim.value >= 0) {
      to.set_dim_value(dim.value);
    } else if (!dim.symbol.empty()) {
      to.set_dim_param(dim.symbol);
    }
  }
}

wire::TensorProto& add_tensor(wire::GraphProto& out, const std::string& name, DType dtype,
                              const Shape& shape) {
  wire::TensorProto& tensor = *out.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(onnx_type(dtype));
  tensor.mutable_dims()->Assign(shape.begin(), shape.end());
  return tensor;
}

StreamedBytes initial_bytes(const Variable& variable) {
  const auto bytes = static_cast<std::uint64_t>(storage_bytes(variable.dtype, variable.shape, {}));
  if (variable.initial.defined()) {
    return {bytes, plain_value(variable.initial).for_each_piece};
  }
  const std::uint64_t element = size_of(variable.dtype);
  return {bytes, [stored = variable.stored, bytes, element](const TakePiece& take) {
            std::vector<std::byte> buffer(std::min(bytes, kPieceBytes));
            for (std::uint64_t at = 0; at < bytes;) {
              const std::span<std::byte> piece(buffer.data(),
                                               std::min<std::uint64_t>(bytes - at, buffer.size()));
              if (stored == nullptr) {
                std::fill(piece.begin(), piece.end(), std::byte{0});
              } else {
                stored->read(static_cast<std::int64_t>(at / element), piece);
              }
              take(piece);
              at += piece.size();
            }
          }};
}

void add_variables(wire::GraphProto& out, const Graph& graph,
                   const std::vector<VariableId>& variables, std::int64_t inline_bytes,
                   const std::string& path, HeldData& held) {
  std::int64_t total = 0;
  for (const VariableId id : variables) {
    total += storage_bytes(graph.variable(id).dtype, graph.variable(id).shape, {});
  }
  DataPatches data;
  std::vector<wire::TensorProto*> outside;
  std::uint64_t end = 0;
  for (const VariableId id : variables) {
    const Variable& variable = graph.variable(id);
    wire::TensorProto& tensor = add_tensor(out, variable.name, variable.dtype, variable.shape);
    StreamedBytes bytes = initial_bytes(variable);
    if (total <= inline_bytes || bytes.bytes < kAlignment) {
      held[&tensor] = std::move(bytes);
      continue;
    }
    end = (end + kAlignment - 1) / kAlignment * kAlignment;
    tensor.set_data_location(1);
    set_entry(tensor, "location", "");
    set_entry(tensor, "offset", concat(end));
    set_entry(tensor, "length", concat(bytes.bytes));
    outside.push_back(&tensor);
    const std::uint64_t begin = std::exchange(end, end + bytes.bytes);
    data[begin] = std::move(bytes);
  }
  if (!outside.empty()) {
    const std::string name = write_patched_data({}, data, folder_of(path), stem_of_model(path));
    for (wire::TensorProto* tensor : outside) {
      tensor->mutable_external_data(0)->set_value(name);
    }
  }
}

void add_node(wire::GraphProto& out, const Node& node, const std::vector<std::string>& names) {
  const auto name_of = [&](ValueId id) {
    return id.valid() ? names[static_cast<std::size_t>(id.index)] : std::string();
  };
  wire::NodeProto& to = *out.add_node();
  to.set_name(node.name);
  to.set_op_type(node.op->name());
  // Those that are left out at the end are not there.
  const auto count = [](const std::vector<ValueId>& ids) {
    std::size_t present = ids.size();
    while (present > 0 && !ids[present - 1].valid()) {
      --present;
    }
    return present;
  };
  for (std::size_t i = 0; i < count(node.inputs); ++i) {
    to.add_input(name_of(node.inputs[i]));
  }
  for (std::size_t i = 0; i < count(node.outputs); ++i) {
    to.add_output(name_of(node.outputs[i]));
  }
  for (const auto& [name, value] : node.attrs) {
    const auto& own = node.op->own_attributes;
    if (name == node.op->filler_name && node.attrs.has("dtype")) {
      set_filler(*to.add_attribute(), name, node.attrs);
    } else if (std::find(own.begin(), own.end(), name) == own.end()) {
      set_attribute(*to.add_attribute(), name, value);
    }
  }
}

}  // namespace temper::graph
