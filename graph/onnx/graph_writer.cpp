#include "graph/onnx/graph_writer.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <span>
#include <type_traits>
#include <utility>

#include <onnx.pb.h>

#include "graph/ir/op_def.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/model_writer.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr std::uint64_t kAlignment = 64;  // of tensors in a data file
constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;

// The version of the format that came with an opset; PyTorch writes no older one than 10.
std::int64_t ir_version(std::int64_t opset) {
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

// The values a variable begins with, as they are in memory: little-endian, as ONNX stores them.
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

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, const GraphFile& file, const std::string& path)
      : graph_(graph), file_(file), path_(path) {}

  void run() {
    proto_.set_ir_version(ir_version(file_.opset));
    proto_.set_producer_name(file_.producer);
    auto& opset = *proto_.add_opset_import();
    opset.set_domain("");
    opset.set_version(file_.opset);
    wire::GraphProto& out = *proto_.mutable_graph();
    out.set_name(graph_.name.empty() ? stem_of_model(path_) : graph_.name);
    name_values();
    add_ports(out);
    add_tensors(out);
    for (int i = 0; i < graph_.node_count(); ++i) {
      if (const Node& node = graph_.node(NodeId{i}); !node.removed) {
        add_node(out, node);
      }
    }
    write_model_file(proto_, held_, path_);
    remove_stale_data(folder_of(path_), stem_of_model(path_));
  }

 private:
  // Values of nodes that have no label are called after their node.
  void name_values() {
    names_.resize(static_cast<std::size_t>(graph_.value_count()));
    for (int i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_.value(ValueId{i});
      std::string& name = names_[static_cast<std::size_t>(i)];
      name = value.kind == ValueKind::kVariable ? graph_.variable(value.variable).name : value.name;
      if (name.empty() && value.kind == ValueKind::kNode) {
        const std::string& node = graph_.node(value.producer).name;
        name = concat(node.empty() ? concat("value_", i) : node, "_output_", value.output_index);
      } else if (name.empty()) {
        name = concat("constant_", i);
      }
    }
    for (const Graph::Output& output : graph_.outputs) {
      TEMPER_ASSERT(graph_.value(output.value).kind == ValueKind::kNode, output.name);
      name_of(output.value) = output.name;
    }
    std::set<std::string> taken;
    for (const std::string& name : names_) {
      TEMPER_ASSERT(taken.insert(name).second, "two values are called ", name);
    }
  }

  std::string& name_of(ValueId id) { return names_[static_cast<std::size_t>(id.index)]; }

  static void declare(wire::ValueInfoProto& info, const std::string& name, DType dtype,
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

  void add_ports(wire::GraphProto& out) {
    for (const ValueId id : graph_.inputs) {
      const Value& value = graph_.value(id);
      declare(*out.add_input(), value.name, value.dtype, value.dims);
    }
    TEMPER_ASSERT(graph_.outputs.size() == file_.output_dims.size());
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Graph::Output& output = graph_.outputs[i];
      declare(*out.add_output(), output.name, graph_.value(output.value).dtype,
              file_.output_dims[i]);
    }
  }

  void add_tensors(wire::GraphProto& out) {
    std::int64_t total = 0;
    for (int i = 0; i < graph_.variable_count(); ++i) {
      const Variable& variable = graph_.variable(VariableId{i});
      total += storage_bytes(variable.dtype, variable.shape, {});
    }
    DataPatches data;
    std::vector<wire::TensorProto*> outside;
    std::uint64_t end = 0;
    for (int i = 0; i < graph_.variable_count(); ++i) {
      const Variable& variable = graph_.variable(VariableId{i});
      wire::TensorProto& tensor = add_tensor(out, variable.name, variable.dtype, variable.shape);
      StreamedBytes bytes = initial_bytes(variable);
      if (total <= file_.inline_bytes || bytes.bytes < kAlignment) {
        held_[&tensor] = std::move(bytes);
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
      const std::string name = write_patched_data({}, data, folder_of(path_), stem_of_model(path_));
      for (wire::TensorProto* tensor : outside) {
        tensor->mutable_external_data(0)->set_value(name);
      }
    }
    for (int i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_.value(ValueId{i});
      if (value.kind == ValueKind::kConstant) {
        held_[&add_tensor(out, name_of(ValueId{i}), value.dtype, value.shape)] = {
            static_cast<std::uint64_t>(plain_bytes(value.constant)),
            plain_value(value.constant).for_each_piece};
      }
    }
  }

  static wire::TensorProto& add_tensor(wire::GraphProto& out, const std::string& name, DType dtype,
                                       const Shape& shape) {
    wire::TensorProto& tensor = *out.add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(onnx_type(dtype));
    tensor.mutable_dims()->Assign(shape.begin(), shape.end());
    return tensor;
  }

  static void set_entry(wire::TensorProto& tensor, const char* key, const std::string& value) {
    auto& entry = *tensor.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
  }

  void add_node(wire::GraphProto& out, const Node& node) {
    wire::NodeProto& to = *out.add_node();
    to.set_name(node.name);
    to.set_op_type(node.op->name());
    for (const ValueId id : node.inputs) {
      to.add_input(id.valid() ? name_of(id) : std::string());
    }
    for (const ValueId id : node.outputs) {
      to.add_output(id.valid() ? name_of(id) : std::string());
    }
    for (const auto& [name, value] : node.attrs) {
      set_attribute(*to.add_attribute(), name, value);
    }
  }

  const Graph& graph_;
  const GraphFile& file_;
  const std::string& path_;
  wire::ModelProto proto_;
  HeldData held_;
  std::vector<std::string> names_;  // by value
};

}  // namespace

void write_graph(const Graph& graph, const GraphFile& file, const std::string& path) {
  GraphWriter(graph, file, path).run();
}

}  // namespace temper::graph
