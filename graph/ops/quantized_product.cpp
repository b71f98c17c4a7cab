// Products of 8-bit integers: MatMulInteger and ConvInteger give sums in i32, QLinearMatMul and
// QLinearConv quantise them again:  y = saturate(round(sum sa sb / sy) + zero of y). What
// onnxruntime makes of a product of floats, Cast(MatMulInteger(DynamicQuantizeLinear(x), B)) times
// both scales, is read as one of floats, x / scale rounded and B less its zero point.
#include "graph/ops/quantized_product.h"

#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/broadcast.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/conv_rules.h"
#include "graph/ops/product_work.h"
#include "runtime/base/one_number.h"
#include "runtime/base/window.h"

namespace temper::graph {

bool is_8_bit(DType dtype) { return dtype == DType::kInt8 || dtype == DType::kUInt8; }

Shape convolution_shape(InferContext& c, int first, int second) {
  const Shape x = c.shape(first);
  const Shape w = c.shape(second);
  const Spatial input = spatial_dims(x);
  c.check(w.rank() == x.rank(), "the weights have the shape ", w, ", but the input is ", x);
  Attrs& attrs = c.attrs();
  const std::int64_t group = attrs.get_int("group", 1);
  attrs.set("group", group);
  c.check(group > 0 && x[1] % group == 0 && x[1] / group == w[1] && w[0] % group == 0, "the input ",
          x, " and the weights ", w, " do not fit group ", group);
  const Window window = window_of_weights(c, input, w);
  return shape_with_spatial(x[0], w[0], window_output(window, input, false), window.rank);
}

namespace {

// Where a factor's tensors stand among the inputs; -1: it has none.
struct Factor {
  const char* name;
  int value, scale, zero;
};

constexpr Factor kLinearA{"a", 0, 1, 2}, kLinearB{"b", 3, 4, 5};
constexpr Factor kIntegerA{"A", 0, -1, 2}, kIntegerB{"B", 1, -1, 3};

// A scale or zero point is one number or one for each row (column, channel): 1-d, or with the
// dimensions of the value, of which all others are 1 or, in a batch of matrices, the batch's.
void check_parameter(const InferContext& c, const char* what, int i, const Shape& value, int axis) {
  if (i < 0 || !c.has_input(i) || is_one_number(c.shape(i))) {
    return;
  }
  const Shape& given = c.shape(i);
  bool fits = given == Shape{value[axis]};
  if (given.rank() == value.rank() && given.rank() >= 2) {
    Shape wanted = value;
    const int other = axis == value.rank() - 1 ? axis - 1 : value.rank() - 1;
    wanted[other] = 1;
    Shape shared(std::vector<std::int64_t>(static_cast<std::size_t>(value.rank()), 1));
    shared[axis] = value[axis];
    fits = given == wanted || given == shared;
  }
  c.check(fits, what, " has the shape ", given, ", expected a number or one for each of ",
          value[axis], " along axis ", axis, " of ", value);
}

void check_factor(const InferContext& c, const Factor& factor, int axis) {
  const DType type = c.dtype(factor.value);
  c.check(is_8_bit(type), factor.name, " is ", type, ", expected i8 or u8");
  c.require_same_dtype({factor.value, factor.zero});
  check_parameter(c, "a zero point", factor.zero, c.shape(factor.value), axis);
  if (factor.scale >= 0) {
    c.check(is_float(c.dtype(factor.scale)), "the scale of ", factor.name, " is ",
            c.dtype(factor.scale), ", expected a float type");
    check_parameter(c, "a scale", factor.scale, c.shape(factor.value), axis);
  }
}

// The scale and zero point of the result.
DType check_result(const InferContext& c) {
  c.check(is_float(c.dtype(6)) && is_one_number(c.shape(6)), "y_scale is ", c.dtype(6), " ",
          c.shape(6), ", expected one float");
  c.check(is_8_bit(c.dtype(7)) && is_one_number(c.shape(7)), "y_zero_point is ", c.dtype(7), " ",
          c.shape(7), ", expected one i8 or u8");
  return c.dtype(7);
}

Shape product_shape(const InferContext& c, int first, int second) {
  Shape a = c.shape(first);
  Shape b = c.shape(second);
  c.check(a.rank() >= 1 && b.rank() >= 1, "the factors are ", a, " and ", b);
  const bool row = a.rank() == 1, column = b.rank() == 1;
  a = row ? Shape{1, a[0]} : a;
  b = column ? Shape{b[0], 1} : b;
  c.check(a[a.rank() - 1] == b[b.rank() - 2], "the factors are ", c.shape(first), " and ",
          c.shape(second), ": the inner dimensions differ");
  const auto batch = [](const Shape& s) { return Shape(s.dims().first(s.dims().size() - 2)); };
  Shape out = broadcast(batch(a), batch(b));
  if (!row) {
    out.push_back(a[a.rank() - 2]);
  }
  if (!column) {
    out.push_back(b[b.rank() - 1]);
  }
  return out;
}

void check_matrices(const InferContext& c, const Factor& a, const Factor& b) {
  check_factor(c, a, std::max(0, c.rank(a.value) - 2));
  check_factor(c, b, std::max(0, c.rank(b.value) - 1));
}

void infer_matmul_integer(InferContext& c) {
  const Shape out = product_shape(c, 0, 1);
  check_matrices(c, kIntegerA, kIntegerB);
  c.set_output(0, DType::kInt32, out);
}

void infer_qlinear_matmul(InferContext& c) {
  const Shape out = product_shape(c, 0, 3);
  check_matrices(c, kLinearA, kLinearB);
  c.set_output(0, check_result(c), out);
}

void check_convolution(const InferContext& c, const Factor& x, const Factor& w) {
  check_factor(c, x, 1);
  check_factor(c, w, 0);
  for (const int i : {x.zero, x.scale}) {
    c.check(i < 0 || !c.has_input(i) || is_one_number(c.shape(i)),
            "the input of a convolution has one scale and zero point, but input ", i,
            " has the shape ", c.shape(std::max(i, 0)));
  }
}

void infer_conv_integer(InferContext& c) {
  const Shape out = convolution_shape(c, 0, 1);
  check_convolution(c, {"x", 0, -1, 2}, {"w", 1, -1, 3});
  c.set_output(0, DType::kInt32, out);
}

void infer_qlinear_conv(InferContext& c) {
  const Shape out = convolution_shape(c, 0, 3);
  check_convolution(c, {"x", 0, 1, 2}, {"w", 3, 4, 5});
  if (c.has_input(8)) {
    c.check(c.dtype(8) == DType::kInt32 && c.shape(8) == Shape{out[1]}, "the bias is ", c.dtype(8),
            " ", c.shape(8), ", expected i32 ", Shape{out[1]});
  }
  c.set_output(0, check_result(c), out);
}

// The batch stays where it is in the first factor, which may be read by rows.
int batch_of_product(const BatchContext& c) {
  const int at = c.data_axis();
  c.check(at < c.shape(0).rank() - 1, "sums over the samples of a batch");
  return at + c.output().rank() - c.shape(0).rank();
}

template <int kSecond>
double matrix_work(const Graph& graph, const Node& node) {
  return 2 * element_count(graph, node.inputs[0]) * last_dim(graph, node.inputs[kSecond]);
}

template <int kSecond>
double conv_work(const Graph& graph, const Node& node) {
  return convolution_work(graph, node.outputs[0], node.inputs[kSecond]);
}

bool has_one_number(const Graph& graph, ValueId id) {
  const Value& value = graph.value(id);
  return value.kind == ValueKind::kConstant && is_one_number(value.constant.shape());
}

// The node that rounds a factor to integers with this zero point and one scale, or null.
const Node* rounding_of(const Graph& graph, ValueId factor, ValueId zero) {
  const Value& value = graph.value(factor);
  if (value.kind != ValueKind::kNode) {
    return nullptr;
  }
  const Node& node = graph.node(value.producer);
  const bool dynamic = node.op->name() == "DynamicQuantizeLinear" && node.outputs.size() == 3 &&
                       node.outputs[0] == factor && node.outputs[2] == zero;
  const bool fixed = node.op->name() == "QuantizeLinear" && node.inputs.size() == 3 &&
                     node.inputs[2] == zero && has_one_number(graph, node.inputs[1]);
  return dynamic || fixed ? &node : nullptr;
}

// The numbers that a factor's integers are, less their zero point; `spatial` dimensions stand
// behind those that zero points are for.
ValueId as_floats(NodeDraft& d, ValueId factor, ValueId zero, std::int64_t spatial) {
  if (const Node* found = rounding_of(d.graph, factor, zero)) {
    const Node node = *found;
    const ValueId scale = node.op->name() == "QuantizeLinear" ? node.inputs[1] : node.outputs[1];
    const ValueId rounded = d.emit("QuantizeDequantize", {node.inputs[0], scale, zero});
    return d.emit("Div", {rounded, scale});
  }
  const Attrs to_float{{"to", std::string(to_string(DType::kFloat32))}};
  const ValueId value = d.emit("Cast", {factor}, to_float);
  if (!zero.valid()) {
    return value;
  }
  ValueId less = d.emit("Cast", {zero}, to_float);
  if (spatial > 0 && !has_one_number(d.graph, zero)) {
    std::vector<std::int64_t> axes;
    for (std::int64_t axis = 0; axis <= spatial; ++axis) {
      axes.push_back(1 + axis);
    }
    less = d.emit("Unsqueeze", {less}, {{"axes", axes}});
  }
  return d.emit("Sub", {value, less});
}

constexpr const char* kIntegers = "its inputs and outputs are integers";

}  // namespace

void read_product_as_floats(NodeDraft& cast) {
  if (!cast.has_input(0) || cast.graph.value(cast.inputs[0]).kind != ValueKind::kNode) {
    return;
  }
  const Node product = cast.graph.node(cast.graph.value(cast.inputs[0]).producer);
  const bool matrices = product.op->name() == "MatMulInteger";
  if (!matrices && product.op->name() != "ConvInteger") {
    return;
  }
  std::vector<ValueId> inputs = product.inputs;
  inputs.resize(4);
  if (rounding_of(cast.graph, inputs[0], inputs[2]) == nullptr &&
      rounding_of(cast.graph, inputs[1], inputs[3]) == nullptr) {
    return;
  }
  const Value& weight = cast.graph.value(inputs[1]);
  if (!matrices && weight.kind != ValueKind::kConstant && inputs[3].valid() &&
      !has_one_number(cast.graph, inputs[3])) {
    return;  // how many dimensions the weight has is not known yet
  }
  const std::int64_t spatial =
      matrices || weight.kind != ValueKind::kConstant ? 0 : weight.constant.shape().rank() - 2;
  const ValueId a = as_floats(cast, inputs[0], inputs[2], 0);
  const ValueId b = as_floats(cast, inputs[1], inputs[3], spatial);
  cast.inputs[0] = cast.emit(matrices ? "MatMul" : "Conv", {a, b}, product.attrs);
}

void register_quantized_product(OpRegistry& ops) {
  ops.add("MatMulInteger")
      .inputs(2, 4)
      .batch(batch_of_product)
      .work(matrix_work<1>)
      .infer(infer_matmul_integer)
      .no_gradient(kIntegers);
  ops.add("ConvInteger")
      .inputs(2, 4)
      .batch(batch_of_images)
      .work(conv_work<1>)
      .infer(infer_conv_integer)
      .no_gradient(kIntegers);
  ops.add("QLinearMatMul")
      .inputs(8, 8)
      .batch(batch_of_product)
      .work(matrix_work<3>)
      .infer(infer_qlinear_matmul)
      .no_gradient(kIntegers);
  ops.add("QLinearConv")
      .inputs(8, 9)
      .batch(batch_of_images)
      .work(conv_work<3>)
      .infer(infer_qlinear_conv)
      .no_gradient(kIntegers);
}

}  // namespace temper::graph
