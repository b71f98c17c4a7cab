#include "graph/onnx/deploy/column_front.h"

#include <onnx.pb.h>

#include "graph/onnx/onnx_types.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kDouble = 11;  // TensorProto.DataType
constexpr std::int64_t kIsNaNSince = 9;

std::string column_input(ModelEdit& edit, std::int64_t columns) {
  std::vector<const wire::ValueInfoProto*> inputs;
  for (const auto& input : edit.graph().input()) {
    if (edit.find_tensor(input.name()) == nullptr) {
      inputs.push_back(&input);
    }
  }
  TEMPER_CHECK(inputs.size() == 1, ErrorCode::kUnsupported, "the model has ", inputs.size(),
               " inputs; the columns of a table go in front of one");
  const auto& type = inputs.front()->type().tensor_type();
  const int rank = type.has_shape() ? type.shape().dim_size() : -1;
  const bool fits =
      rank == 2 && is_float(graph_dtype(type.elem_type())) &&
      (!type.shape().dim(1).has_dim_value() || type.shape().dim(1).dim_value() == columns);
  TEMPER_CHECK(fits, ErrorCode::kUnsupported, "input '", inputs.front()->name(), "' is not [N, ",
               columns, "] of floats, as the table has columns");
  return inputs.front()->name();
}

}  // namespace

PreparedInput embed_column_front(ModelEdit& edit, const ColumnFront& front) {
  const auto columns = static_cast<std::int64_t>(front.mean.size());
  const std::string input = column_input(edit, columns);
  TEMPER_CHECK(!front.fill_missing || edit.opset() >= kIsNaNSince, ErrorCode::kUnsupported,
               "missing values are filled in by operators of opset ", kIsNaNSince,
               ", and the model has opset ", edit.opset(), ": --opset ", kIsNaNSince,
               " brings it there, in the same command");
  FrontNodes nodes(edit, input, kFloat);
  const auto stored = [&](const std::vector<double>& values) {
    const std::string name = edit.unique(input + "_columns");
    edit.add_tensor(name, Tensor::from<double>(DType::kFloat64, Shape{columns}, values), kDouble);
    return name;
  };
  std::string value = nodes.cast(input, kDouble);
  const std::string mean = stored(front.mean);
  if (front.fill_missing) {
    value = nodes.emit("Where", {nodes.emit("IsNaN", {value}), mean, value});
  }
  value = nodes.emit("Sub", {value, mean});
  value = nodes.emit("Div", {value, stored(front.deviation)});
  nodes.cast(value, kFloat);
  return nodes.finish();
}

}  // namespace temper::graph
