#include "graph/onnx/surgery/freeze_row.h"

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kInt64 = 7;  // TensorProto.DataType

bool is_embedding(const FlatNode& node, const std::string& weight) {
  const wire::AttributeProto* axis = node.find("axis");
  return node.op == "Gather" && node.domain.empty() && node.inputs[0] == weight &&
         (axis == nullptr || axis->i() == 0) && !node.inlined;
}

}  // namespace

void freeze_row(ModelEdit& edit, const std::string& weight, std::int64_t row) {
  TEMPER_CHECK(edit.opset() >= 11, ErrorCode::kUnsupported,
               "--padding-idx needs opset 11 or later; the file has ", edit.opset());
  const FlatGraph flat = edit.flat();
  std::vector<const FlatNode*> reads;
  std::vector<std::string> tables;
  for (const FlatNode& node : flat.nodes) {
    if (is_embedding(node, weight)) {
      reads.push_back(&node);
    }
    if (!node.inputs.empty() && edit.find_tensor(node.inputs[0]) != nullptr &&
        is_embedding(node, node.inputs[0])) {
      tables.push_back(concat("'", node.inputs[0], "'"));
    }
  }
  TEMPER_CHECK(!reads.empty() && edit.find_tensor(weight) != nullptr, ErrorCode::kInvalidArgument,
               "--padding-idx: '", weight,
               "' is no stored table that a Gather takes rows from; such "
               "tables are ",
               tables.empty() ? "none" : join(tables, ", "));
  const Tensor table = edit.read(weight);
  TEMPER_CHECK(table.shape().rank() == 2 && row >= 0 && row < table.shape()[0],
               ErrorCode::kInvalidArgument, "--padding-idx: '", weight, "' is ", table.shape(),
               " and has no row ", row);
  const std::int64_t width = table.shape()[1];
  const std::vector<double> values = table.values<double>();
  const std::vector<double> kept(values.begin() + row * width, values.begin() + (row + 1) * width);
  const std::string constant = edit.unique(weight + ".padding");
  edit.add_tensor(constant, Tensor::from<double>(table.dtype(), Shape{width}, kept),
                  edit.header(weight).file_type);
  const std::string index = edit.unique(weight + ".padding_idx");
  edit.add_integers(index, {row});
  for (const FlatNode* read : reads) {
    wire::NodeProto& gather = edit.node_of(*read);
    const std::string ids = gather.input(1), y = gather.output(0);
    const std::string all = edit.unique(y + "_with_padding");
    const std::string wide = edit.unique(y + "_ids"), is = edit.unique(y + "_is_padding"),
                      mask = edit.unique(y + "_padding_mask");
    gather.set_output(0, all);
    // Each goes directly behind the Gather, so the last one comes first.
    edit.insert_after(gather, "Where", {mask, constant, all}, y);
    wire::NodeProto& widen = edit.insert_after(gather, "Unsqueeze", {is}, mask);
    if (edit.opset() < 13) {
      set_ints(widen, "axes", {-1});
    } else {
      const std::string axis = edit.unique(mask + "_axis");
      edit.add_integers(axis, {-1});
      widen.add_input(axis);
    }
    edit.insert_after(gather, "Equal", {wide, index}, is);
    set_int(edit.insert_after(gather, "Cast", {ids}, wide), "to", kInt64);
  }
  edit.note(concat("--padding-idx: row ", row, " of '", weight, "' stays as it is"));
}

}  // namespace temper::graph
