// Attention in the operators of opset 7: softmax(scale q k^T + mask) v.
#include <cmath>
#include <limits>
#include <optional>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kBool = 9;  // TensorProto.DataType

// Why it is not one of the plain kind; "": it is.
std::string unusual(OpsetNode& n) {
  for (int i = 1; i < n.node().output_size(); ++i) {
    if (!n.node().output(i).empty()) {
      return "its keys, values or scores are read";
    }
  }
  for (int i = 4; i < n.node().input_size(); ++i) {
    if (!n.input(i).empty()) {
      return "it is given keys and values of the past, or their lengths";
    }
  }
  const wire::AttributeProto* cap = find_attribute(n.node(), "softcap");
  if ((cap != nullptr && cap->f() != 0) || int_attribute(n.node(), "left_window_size", -1) != -1 ||
      int_attribute(n.node(), "right_window_size", -1) != -1) {
    return "it has a softcap or a window";
  }
  return {};
}

// [batch, heads, length, width]; of three dimensions the heads lie side by side.
std::string by_heads(OpsetNode& n, const std::string& x, bool is_flat, std::int64_t heads) {
  if (!is_flat) {
    return x;
  }
  const std::string apart = n.emit("Reshape", {x, n.integers({0, 0, heads, -1})});
  const std::string turned = n.emit("Transpose", {apart});
  set_ints(n.emitted(), "perm", {0, 2, 1, 3});
  return turned;
}

std::string without_future(OpsetNode& n, std::int64_t rows, std::int64_t columns) {
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    const bool is_future = i % columns > i / columns;
    values.push_back(is_future ? -std::numeric_limits<float>::infinity() : 0);
  }
  const std::string name = n.edit().unique(n.node().output(0) + "_past");
  n.edit().add_tensor(name, Tensor::from<float>(DType::kFloat32, Shape{rows, columns}, values),
                      kFloat);
  return name;
}

}  // namespace

// Of opset 23, in float32.
bool attention(OpsetNode& n) {
  const std::string why = unusual(n);
  const auto q_dims = n.fixed_dims(n.input(0)), k_dims = n.fixed_dims(n.input(1));
  const auto at = [](const FixedDims& dims, std::size_t axis) { return dims.at(axis); };
  if (!why.empty() || !q_dims || !k_dims || q_dims->size() < 3 || k_dims->size() < 3) {
    n.refuse(why.empty() ? "the rank of its inputs is not known" : why);
    return true;
  }
  const bool is_flat = q_dims->size() == 3;
  const std::int64_t q_given = int_attribute(n.node(), "q_num_heads", 0);
  const std::int64_t k_given = int_attribute(n.node(), "kv_num_heads", 0);
  const auto q_heads = is_flat ? std::optional(q_given) : at(*q_dims, 1);
  const auto k_heads = is_flat ? std::optional(k_given) : at(*k_dims, 1);
  const auto across = at(*q_dims, q_dims->size() - 1);
  const auto rows = at(*q_dims, q_dims->size() - 2), columns = at(*k_dims, k_dims->size() - 2);
  const bool is_causal = int_attribute(n.node(), "is_causal", 0) != 0;
  if (!q_heads || q_heads != k_heads || *q_heads == 0 || !across ||
      (is_causal && (!rows || !columns))) {
    n.refuse(
        "before opset 23 it is written out where queries and keys have as many heads, and the "
        "sizes do not follow from the inputs; --fix-dims fixes those");
    return true;
  }
  const std::int64_t width = is_flat ? *across / *q_heads : *across;
  const wire::AttributeProto* given = find_attribute(n.node(), "scale");
  const double scale = given == nullptr ? 1 / std::sqrt(static_cast<double>(width))
                                        : static_cast<double>(given->f());
  const std::string root = n.number(std::sqrt(scale), kFloat);
  const std::string q = n.emit("Mul", {by_heads(n, n.input(0), is_flat, *q_heads), root});
  const std::string k = n.emit("Mul", {by_heads(n, n.input(1), is_flat, *k_heads), root});
  const std::string turned = n.emit("Transpose", {k});
  set_ints(n.emitted(), "perm", {0, 1, 3, 2});
  std::string scores = n.emit("MatMul", {q, turned});
  if (is_causal) {
    scores = n.emit("Add", {scores, without_future(n, *rows, *columns)});
  }
  if (!n.input(3).empty()) {  // of bools: log(1) is 0, log(0) is -infinity
    const bool is_bool = n.facts().type(n.input(3)) == kBool;
    const std::string mask =
        is_bool ? n.emit("Log", {n.emit_cast(n.input(3), kFloat)}) : n.input(3);
    scores = n.emit("Add", {scores, mask});
  }
  const std::string shares = n.emit("Softmax", {scores});
  set_int(n.emitted(), "axis", 3);
  std::string value = n.emit("MatMul", {shares, by_heads(n, n.input(2), is_flat, *k_heads)});
  if (is_flat) {
    const std::string beside = n.emit("Transpose", {value});
    set_ints(n.emitted(), "perm", {0, 2, 1, 3});
    value = n.emit("Reshape", {beside, n.integers({0, 0, -1})});
  }
  n.replace_by(value);
  return true;
}

}  // namespace temper::graph
