#include "graph/onnx/graph_writer.h"

#include <cstddef>
#include <map>
#include <set>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/external_writer.h"
#include "graph/onnx/graph_messages.h"
#include "graph/onnx/model_writer.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

class GraphWriter {
 public:
  GraphWriter(const Graph& graph, const GraphFile& file, const std::string& path)
      : graph_(graph), file_(file), path_(path) {}

  void run() {
    proto_.set_ir_version(ir_version_of(file_.opset));
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
        add_node(out, node, names_);
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

  void add_ports(wire::GraphProto& out) {
    for (const ValueId id : graph_.inputs) {
      const Value& value = graph_.value(id);
      declare_value(*out.add_input(), value.name, value.dtype, value.dims);
    }
    TEMPER_ASSERT(graph_.outputs.size() == file_.output_dims.size());
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const Graph::Output& output = graph_.outputs[i];
      declare_value(*out.add_output(), output.name, graph_.value(output.value).dtype,
                    file_.output_dims[i]);
    }
  }

  void add_tensors(wire::GraphProto& out) {
    std::vector<VariableId> all;
    for (int i = 0; i < graph_.variable_count(); ++i) {
      all.push_back(VariableId{i});
    }
    add_variables(out, graph_, all, file_.inline_bytes, path_, held_);
    for (int i = 0; i < graph_.value_count(); ++i) {
      const Value& value = graph_.value(ValueId{i});
      if (value.kind == ValueKind::kConstant) {
        held_[&add_tensor(out, name_of(ValueId{i}), value.dtype, value.shape)] = {
            static_cast<std::uint64_t>(plain_bytes(value.constant)),
            plain_value(value.constant).for_each_piece};
      }
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
