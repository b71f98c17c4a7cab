// What a plan computes in bytes between a QuantizeLinear and the next (integer_regions.h):
//   IntegerConv, IntegerMatMul: x, x_scale, x_zero, w, w_scale, bias, y_scale, y_zero
//     v = sum (x - x_zero) w * x_scale * w_scale + bias, sums exact in 32 bits
//   IntegerAdd: y_scale, y_zero, then value, scale and zero point of one operand or two
// Their result, behind a Relu or ReLU6 by the attributes relu and ceiling, is rounded to steps of
// y_scale; a product without one gives floats. A scale left out is 1, and only w's may be one for
// each output.
#include "graph/ir/batch_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/product_work.h"
#include "graph/ops/quantized_product.h"
#include "runtime/base/one_number.h"

namespace temper::graph {
namespace {

enum ProductInput { kX, kXScale, kXZero, kW, kWScale, kBias, kYScale, kYZero };

void check_operand(const InferContext& c, int value, int scale, int zero) {
  c.check(is_8_bit(c.dtype(value)), "input ", value, " is ", c.dtype(value), ", expected i8 or u8");
  c.require_same_dtype({value, zero});
  for (const int i : {scale, zero}) {
    c.check(!c.has_input(i) || is_one_number(c.shape(i)), "input ", i,
            " has more elements than one");
  }
  c.check(!c.has_input(scale) || c.dtype(scale) == DType::kFloat32, "the scale of input ", value,
          " is not f32");
}

// The type of what is rounded to this scale and zero point.
DType rounded_type(const InferContext& c, int scale, int zero) {
  c.check(c.dtype(scale) == DType::kFloat32 && is_one_number(c.shape(scale)),
          "the scale of the result is not one f32");
  c.check(is_8_bit(c.dtype(zero)) && is_one_number(c.shape(zero)),
          "the zero point of the result is not one i8 or u8");
  return c.dtype(zero);
}

DType check_product(const InferContext& c, std::int64_t outputs) {
  check_operand(c, kX, kXScale, kXZero);
  c.check(is_8_bit(c.dtype(kW)), "w is ", c.dtype(kW), ", expected i8 or u8");
  c.check(!c.has_input(kWScale) ||
              (c.dtype(kWScale) == DType::kFloat32 &&
               (is_one_number(c.shape(kWScale)) || c.shape(kWScale) == Shape{outputs})),
          "the scale of w is not one f32 or one for each of ", outputs, " outputs");
  c.check(!c.has_input(kBias) ||
              (c.dtype(kBias) == DType::kFloat32 && c.shape(kBias) == Shape{outputs}),
          "the bias is not f32 ", Shape{outputs});
  return c.has_input(kYScale) ? rounded_type(c, kYScale, kYZero) : DType::kFloat32;
}

void infer_conv(InferContext& c) {
  const Shape out = convolution_shape(c, kX, kW);
  c.set_output(0, check_product(c, out[1]), out);
}

// w [K, N], or [N, K] with transB.
void infer_matmul(InferContext& c) {
  const Shape x = c.shape(kX), w = c.shape(kW);
  c.check(x.rank() >= 1 && w.rank() == 2, "the factors are ", x, " and ", w);
  const bool turned = c.attrs().get_int("transB", 0) != 0;
  c.check(x[x.rank() - 1] == w[turned ? 1 : 0], "the factors are ", x, " and ", w,
          ": the inner dimensions differ");
  Shape out = x;
  out[x.rank() - 1] = w[turned ? 0 : 1];
  c.set_output(0, check_product(c, out[x.rank() - 1]), out);
}

void infer_add(InferContext& c) {
  const DType type = rounded_type(c, 0, 1);
  check_operand(c, 2, 3, 4);
  if (c.has_input(5)) {
    check_operand(c, 5, 6, 7);
    c.check(c.shape(5) == c.shape(2), "the operands are ", c.shape(2), " and ", c.shape(5));
  }
  c.set_output(0, type, c.shape(2));
}

double conv_work(const Graph& graph, const Node& node) {
  return convolution_work(graph, node.outputs[0], node.inputs[kW]);
}

double matrix_work(const Graph& graph, const Node& node) {
  return 2 * element_count(graph, node.outputs[0]) * last_dim(graph, node.inputs[kX]);
}

constexpr const char* kIntegers = "its inputs are integers";

}  // namespace

void register_integer_region(OpRegistry& ops) {
  ops.add("IntegerConv")
      .inputs(4, 8)
      .work(conv_work)
      .infer(infer_conv)
      .no_gradient(kIntegers)
      .internal();
  ops.add("IntegerMatMul")
      .inputs(4, 8)
      .work(matrix_work)
      .infer(infer_matmul)
      .no_gradient(kIntegers)
      .internal();
  ops.add("IntegerAdd").inputs(5, 8).infer(infer_add).no_gradient(kIntegers).internal();
}

}  // namespace temper::graph
