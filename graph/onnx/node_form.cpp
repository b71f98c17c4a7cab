#include "graph/onnx/node_form.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "graph/ir/op_def.h"
#include "graph/onnx/graph_messages.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

std::vector<double> numbers_of(const AttrValue& value) {
  return std::visit(
      []<class T>(const T& v) -> std::vector<double> {
        if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double>) {
          return {static_cast<double>(v)};
        } else if constexpr (std::is_same_v<T, std::vector<std::int64_t>> ||
                             std::is_same_v<T, std::vector<double>>) {
          return {v.begin(), v.end()};
        } else {
          return {};
        }
      },
      value);
}

class NodeForm {
 public:
  explicit NodeForm(Graph& graph) : graph_(graph) {}

  void run() {
    for (int i = 0; i < graph_.node_count(); ++i) {
      if (!graph_.node(NodeId{i}).removed) {
        restore_inputs(NodeId{i});
        restore_types(graph_.node(NodeId{i}));
      }
    }
  }

 private:
  void restore_inputs(NodeId id) {
    const OpDef& op = *graph_.node(id).op;
    for (const WrittenInput& written : op.written_inputs) {
      const auto at = static_cast<std::size_t>(written.input);
      const AttrValue* value = graph_.node(id).attrs.find(written.attribute);
      const bool is_given =
          at < graph_.node(id).inputs.size() && graph_.node(id).inputs[at].valid();
      if (value == nullptr) {
        continue;
      }
      if (!is_given) {
        const ValueId constant = constant_of(graph_.node(id), written, *value);
        std::vector<ValueId>& inputs = graph_.node(id).inputs;
        inputs.resize(std::max(inputs.size(), at + 1));
        inputs[at] = constant;
      }
      graph_.node(id).attrs.erase(written.attribute);
    }
  }

  ValueId constant_of(const Node& node, const WrittenInput& written, const AttrValue& value) {
    const std::vector<double> numbers = numbers_of(value);
    const bool is_number = written.form == InputForm::kNumber;
    const DType dtype = is_number ? graph_.value(node.inputs.front()).dtype : DType::kInt64;
    const Shape shape = written.form == InputForm::kIntegers
                            ? Shape{static_cast<std::int64_t>(numbers.size())}
                            : Shape{};
    TEMPER_ASSERT(shape.element_count() == static_cast<std::int64_t>(numbers.size()), node.origin);
    Tensor tensor(dtype, shape);
    visit_any(dtype, [&]<class T>() {
      for (std::size_t i = 0; i < numbers.size(); ++i) {
        tensor.span<T>()[i] = convert_element<T>(numbers[i]);
      }
    });
    return graph_.add_constant("", std::move(tensor));
  }

  static void restore_types(Node& node) {
    const std::string& type = node.op->type_name;
    if (!type.empty() && node.attrs.has(type)) {
      const DType dtype = dtype_from_name(node.attrs.get_string(type, ""));
      node.attrs.set(type, std::int64_t{onnx_type(dtype)});
    }
  }

  Graph& graph_;
};

}  // namespace

void to_node_form(Graph& graph) { NodeForm(graph).run(); }

}  // namespace temper::graph
