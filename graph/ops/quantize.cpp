// QuantizeLinear and DequantizeLinear with one scale, one for each entry of an axis or one for each
// block of it, and DynamicQuantizeLinear. A DequantizeLinear that undoes a QuantizeLinear is read
// as one op of floats, QuantizeDequantize, whose gradient goes straight through.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ir/op_registry.h"
#include "runtime/base/one_number.h"

namespace temper::graph {
namespace {

bool is_quantized(DType dtype) {
  return dtype == DType::kInt8 || dtype == DType::kUInt8 || dtype == DType::kInt16 ||
         dtype == DType::kUInt16 || (is_narrow(dtype) && dtype != DType::kFloat8E8M0);
}

// The scale at input `i` and the zero point behind it, for x of this shape.
void check_scale(InferContext& c, const Shape& x, int i) {
  Attrs& attrs = c.attrs();
  const Shape scale = c.shape(i);
  const std::int64_t block = attrs.get_int("block_size", 0);
  c.check(block >= 0, "block_size is ", block, ", expected 0 or more");
  attrs.set("block_size", block);
  if (c.has_input(i + 1)) {
    c.check(c.shape(i + 1) == scale || (is_one_number(scale) && is_one_number(c.shape(i + 1))),
            "the zero point has the shape ", c.shape(i + 1), ", the scale ", scale);
  }
  if (is_one_number(scale) && block == 0) {
    attrs.set("axis", std::int64_t{0});
    return;
  }
  const int axis = static_cast<int>(c.axis("axis", 1, x.rank()));
  Shape wanted{x[axis]};
  if (block > 0) {
    wanted = x;
    wanted[axis] = x[axis] / block + (x[axis] % block != 0 ? 1 : 0);
  }
  c.check(scale == wanted, "the scale has the shape ", scale, ", expected ", wanted, " for ", x,
          " along axis ", axis, block > 0 ? " in blocks" : "");
}

void check_scale_type(const InferContext& c, int i) {
  const DType type = c.dtype(i);
  c.check(is_float(type) || type == DType::kInt32 || type == DType::kFloat8E8M0, "the scale is ",
          type, ", expected a float type, i32 or f8e8m0");
}

// The type named by an attribute, or the fallback.
DType named_type(const InferContext& c, const char* attribute, DType fallback) {
  const DType named = dtype_from_name(c.node().attrs.get_string(attribute, ""));
  return named == DType::kUndefined ? fallback : named;
}

// The type to quantise to: that of the zero point at input `i`, or named by the attribute, or u8.
DType quantized_type(const InferContext& c, int i, const char* attribute) {
  const DType named = named_type(c, attribute, DType::kUndefined);
  const DType type = c.has_input(i)               ? c.dtype(i)
                     : named == DType::kUndefined ? DType::kUInt8
                                                  : named;
  c.check(named == DType::kUndefined || named == type, "output_dtype is ", named,
          ", but the zero point is ", type);
  c.check(is_quantized(type), "quantised to ", type,
          ", expected integers of 2 to 16 bits or a float8 or float4 type with a sign");
  return type;
}

void infer_quantize(InferContext& c) {
  c.check(is_float(c.dtype(0)) || c.dtype(0) == DType::kInt32, "x is ", c.dtype(0),
          ", expected a float type or i32");
  check_scale_type(c, 1);
  check_scale(c, c.shape(0), 1);
  c.set_output(0, quantized_type(c, 2, "output_dtype"), c.shape(0));
}

void infer_dequantize(InferContext& c) {
  c.check(is_quantized(c.dtype(0)) || c.dtype(0) == DType::kInt32, "x is ", c.dtype(0),
          ", expected integers of 2 to 32 bits or a float8 or float4 type with a sign");
  c.require_same_dtype({0, 2});
  c.check(is_float(c.dtype(1)) || c.dtype(1) == DType::kFloat8E8M0, "the scale is ", c.dtype(1),
          ", expected a float type or f8e8m0");
  check_scale(c, c.shape(0), 1);
  const DType type = named_type(c, "output_dtype", c.dtype(1));
  c.check(is_float(type), "output_dtype is ", type, ", expected a float type");
  c.set_output(0, type, c.shape(0));
}

// x, scale, zero point; `quantized` names the type between.
void infer_fake(InferContext& c) {
  c.check(is_float(c.dtype(0)) || c.dtype(0) == DType::kInt32, "x is ", c.dtype(0),
          ", expected a float type or i32");
  c.check(is_float(c.dtype(1)) || c.dtype(1) == DType::kFloat8E8M0, "the scale is ", c.dtype(1),
          ", expected a float type or f8e8m0");
  check_scale(c, c.shape(0), 1);
  const DType type = quantized_type(c, 2, "quantized");
  c.attrs().set("quantized", std::string(to_string(type)));
  const DType output = named_type(c, "output_dtype", c.dtype(1));
  c.check(is_float(output), "output_dtype is ", output, ", expected a float type");
  c.set_output(0, output, c.shape(0));
}

void infer_fake_grad(InferContext& c) {
  c.check(c.shape(0) == c.shape(1), "dy has the shape ", c.shape(0), ", x ", c.shape(1));
  check_scale(c, c.shape(1), 2);
  c.attrs().set("quantized", std::string(to_string(quantized_type(c, 3, "quantized"))));
  c.set_output(0, c.dtype(1), c.shape(1));
  c.set_output(1, c.dtype(2), c.shape(2));
}

void infer_dynamic_quantize(InferContext& c) {
  c.check(is_float(c.dtype(0)), "x is ", c.dtype(0), ", expected a float type");
  c.set_output(0, DType::kUInt8, c.shape(0));
  c.set_output(1, c.dtype(0), {});
  c.set_output(2, DType::kUInt8, {});
}

// The product's sum over what shares a scale.
ValueId sum_per_scale(GradContext& g, ValueId product) {
  Builder& b = g.builder();
  const Shape x = b.shape(product);
  const Shape scale = g.shape(g.x(1));
  std::vector<std::int64_t> axes;
  if (is_one_number(scale) && g.attrs().get_int("block_size", 0) == 0) {
    for (int i = 0; i < x.rank(); ++i) {
      axes.push_back(i);
    }
    return b.reshape(axes.empty() ? product : b.reduce_sum(product, axes, false), scale);
  }
  const int axis = static_cast<int>(g.attrs().get_int("axis", 0));
  const std::int64_t given = g.attrs().get_int("block_size", 0);
  const std::int64_t block = std::min(given, std::max<std::int64_t>(1, x[axis]));
  if (given == 0) {
    for (int i = 0; i < x.rank(); ++i) {
      if (i != axis) {
        axes.push_back(i);
      }
    }
    return axes.empty() ? product : b.reduce_sum(product, axes, false);
  }
  const std::int64_t missing = scale[axis] * block - x[axis];
  if (missing > 0) {  // the last block is shorter
    std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * x.rank()), 0);
    pads[static_cast<std::size_t>(x.rank() + axis)] = missing;
    product = b.op("Pad", {product}, {{"pads", pads}});
  }
  const Shape blocks{x.count(0, axis), scale[axis], block, x.count(axis + 1, x.rank())};
  return b.reshape(b.reduce_sum(b.reshape(product, blocks), {2}, false), scale);
}

// y = (x - zero) scale;  dscale = sum dy (x - zero), over what shares the scale
void dequantize_gradient(GradContext& g) {
  if (!g.needs(1)) {
    return;
  }
  Builder& b = g.builder();
  const DType type = b.dtype(g.x(1));
  const ValueId one = b.expand(b.scalar(type, 1), g.shape(g.x(1)));
  std::vector<ValueId> inputs{g.x(0), one};
  if (g.has_input(2)) {
    inputs.push_back(g.x(2));
  }
  Attrs attrs = g.attrs();
  attrs.erase("output_dtype");
  const ValueId steps = b.op("DequantizeLinear", std::move(inputs), std::move(attrs));
  g.set(1, sum_per_scale(g, b.mul(b.cast(g.dy(), type), steps)));
}

// y = scale (q - zero), q = saturate(round(x / scale) + zero). As if rounding were not there:
//   dx = dy where q is not clipped, 0 elsewhere
//   dscale = sum dy (round(x / scale) - x / scale) where q is not clipped, dy (q - zero) elsewhere
// dscale times attribute scale_gradient, where a node has it (observed_rounding.cpp).
void fake_gradient(GradContext& g) {
  std::vector<ValueId> inputs{g.dy(), g.x(0), g.x(1)};
  if (g.has_input(2)) {
    inputs.push_back(g.x(2));
  }
  const std::vector<ValueId> made = g.builder().ops(
      g.node().op->gradient_op_name, std::move(inputs), 2, g.attrs(), {g.needs(0), g.needs(1)});
  for (int i = 0; i < 2; ++i) {
    if (g.needs(i)) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
  const double factor = g.attrs().get_double("scale_gradient", 1);
  if (g.needs(1) && factor != 1) {
    g.set(1, g.builder().scale(made[1], factor));
  }
}

// An element type of ONNX by its number, as a name.
void name_type(NodeDraft& d, const char* attribute) {
  const std::int64_t number = d.attrs.get_int(attribute, 0);
  d.attrs.erase(attribute);
  if (number == 0) {
    return;
  }
  constexpr std::pair<int, DType> kTypes[] = {
      {1, DType::kFloat32},         {2, DType::kUInt8},       {3, DType::kInt8},
      {4, DType::kUInt16},          {5, DType::kInt16},       {10, DType::kFloat16},
      {11, DType::kFloat64},        {16, DType::kBFloat16},   {17, DType::kFloat8E4M3FN},
      {18, DType::kFloat8E4M3FNUZ}, {19, DType::kFloat8E5M2}, {20, DType::kFloat8E5M2FNUZ},
      {21, DType::kUInt4},          {22, DType::kInt4},       {23, DType::kFloat4E2M1},
      {25, DType::kUInt2},          {26, DType::kInt2}};
  for (const auto& [known, dtype] : kTypes) {
    if (number == known) {
      d.attrs.set(attribute, std::string(to_string(dtype)));
      return;
    }
  }
  d.refuse(attribute, " is ", number, ", a type of ONNX that the graph does not have");
}

void upgrade_quantize(NodeDraft& d) {
  name_type(d, "output_dtype");
  name_type(d, "precision");
}

bool moves_elements(const Node& node) {
  const Movement m = node.op->movement;
  return node.outputs.size() == 1 &&
         (m == Movement::kSame || m == Movement::kReshape || m == Movement::kPermute ||
          m == Movement::kBroadcast || m == Movement::kPart);
}

bool is_one_number(const NodeDraft& d, ValueId id) {
  const Value& value = d.graph.value(id);
  return (value.kind == ValueKind::kConstant && is_one_number(value.constant.shape())) ||
         (value.variable.valid() && is_one_number(d.graph.variable(value.variable).shape));
}

// A quantising node whose output 0 a DequantizeLinear turns back, by the same scales, and the nodes
// that move elements between both: where one scale is for all, they may as well move floats.
struct Undone {
  NodeId quantizing;          // invalid: there is none
  std::vector<NodeId> moves;  // the last first
};

Undone undone_by(const NodeDraft& d) {
  Undone found;
  ValueId id = d.inputs[0];
  const bool may_move = d.attrs.get_int("block_size", 0) == 0 && is_one_number(d, d.inputs[1]);
  while (d.graph.value(id).kind == ValueKind::kNode &&
         moves_elements(d.graph.node(d.graph.value(id).producer))) {
    found.moves.push_back(d.graph.value(id).producer);
    id = d.graph.node(found.moves.back()).inputs[0];
    if (!may_move) {
      return {};
    }
  }
  if (d.graph.value(id).kind != ValueKind::kNode) {
    return {};
  }
  const NodeId producer = d.graph.value(id).producer;
  const Node& node = d.graph.node(producer);
  const auto zero = d.has_input(2) ? d.inputs[2] : ValueId{};
  const auto same_number = [&](const char* name, std::int64_t fallback) {
    return node.attrs.get_int(name, fallback) == d.attrs.get_int(name, fallback);
  };
  if (node.op->name() == "DynamicQuantizeLinear") {
    found.quantizing = node.outputs.size() == 3 && node.outputs[0] == id &&
                               node.outputs[1] == d.inputs[1] && node.outputs[2] == zero
                           ? producer
                           : NodeId{};
  } else if (node.op->name() == "QuantizeLinear") {
    const ValueId their_zero = node.inputs.size() > 2 ? node.inputs[2] : ValueId{};
    const bool same = node.inputs[1] == d.inputs[1] && their_zero == zero &&
                      (!found.moves.empty() || same_number("axis", 1)) &&
                      same_number("block_size", 0);
    found.quantizing = same ? producer : NodeId{};
  }
  return found;
}

void upgrade_dequantize(NodeDraft& d) {
  name_type(d, "output_dtype");
  TEMPER_CHECK(d.has_input(0) && d.has_input(1), ErrorCode::kInvalidModel, d.origin,
               " has no x or no scale");
  const Undone undone = undone_by(d);
  if (!undone.quantizing.valid()) {
    return;
  }
  const Attrs theirs = d.graph.node(undone.quantizing).attrs;
  ValueId x = d.graph.node(undone.quantizing).inputs[0];
  for (std::size_t i = undone.moves.size(); i-- > 0;) {
    const Node move = d.graph.node(undone.moves[i]);
    std::vector<ValueId> inputs = move.inputs;
    inputs[0] = x;
    x = d.emit(move.op->name(), std::move(inputs), move.attrs);
  }
  d.op = "QuantizeDequantize";
  d.inputs[0] = x;
  d.attrs.set("saturate", theirs.get_int("saturate", 1));
  for (const auto& [their_name, ours] :
       {std::pair{"output_dtype", "quantized"}, {"precision", "precision"}}) {
    if (theirs.has(their_name)) {
      d.attrs.set(ours, theirs.get_string(their_name, ""));
    }
  }
}

int batch_of_quantize(const BatchContext& c) {
  const int at = c.data_axis();
  const Shape scale = c.shape(1);
  const bool by_axis = !is_one_number(scale) || c.number("block_size") != 0;
  c.check(!by_axis || c.number("axis") != at, "has a scale for each sample of the batch");
  c.check(c.number("block_size") == 0, "has scales for blocks of single samples");
  return at;
}

int batch_of_dynamic_quantize(const BatchContext& c) {
  c.check(false, "quantises all samples of the batch by one range");
  return 0;
}

}  // namespace

void register_quantize(OpRegistry& ops) {
  ops.add("QuantizeLinear")
      .moves(Movement::kRound)
      .takes_narrow()
      .inputs(2, 3)
      .upgrade(upgrade_quantize)
      .batch(batch_of_quantize)
      .infer(infer_quantize)
      .no_gradient(
          "its outputs are integers; with a DequantizeLinear behind it the gradient passes");
  ops.add("DequantizeLinear")
      .moves(Movement::kUnround)
      .takes_narrow()
      .inputs(2, 3)
      .upgrade(upgrade_dequantize)
      .batch(batch_of_quantize)
      .infer(infer_dequantize)
      .gradient(dequantize_gradient);
  ops.add("DynamicQuantizeLinear")
      .moves(Movement::kRound)
      .outputs(1, 3)
      .batch(batch_of_dynamic_quantize)
      .infer(infer_dynamic_quantize)
      .no_gradient(
          "its outputs are integers; with a DequantizeLinear behind it the gradient passes");
  ops.add("QuantizeDequantize")
      .takes_narrow()
      .inputs(2, 3)
      .batch(batch_of_quantize)
      .infer(infer_fake)
      .gradient(fake_gradient)
      .gradient_op("QuantizeDequantizeGrad")
      .internal();
  ops.add("QuantizeDequantizeGrad")
      .takes_narrow()
      .inputs(3, 4)
      .outputs(1, 2)
      .infer(infer_fake_grad)
      .internal();
}

}  // namespace temper::graph
