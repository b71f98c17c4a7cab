// Cast to the type named by `to` ("f32"), and CastLike, which takes the type of its second input.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/quantized_product.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_cast(InferContext& c) {
  const std::string name = c.attrs().get_string("to", "");
  const DType to = dtype_from_name(name);
  c.check(to != DType::kUndefined && to != DType::kOpaque, "cast to '", name,
          "', which is no element type");
  c.set_output(0, to, c.shape(0));
}

void infer_cast_like(InferContext& c) {
  if (c.has_input(1)) {
    c.attrs().set("to", std::string(to_string(c.dtype(1))));
    c.drop_input(1);
  }
  infer_cast(c);
}

// y = x in another float type;  dx = dy in x's type
void cast_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.builder().cast(g.dy(), g.dtype(g.x(0))));
  }
}

// Both matter for float8 only; CastLike's type is not known yet.
void upgrade_cast(NodeDraft& d) {
  if (d.op == "CastLike" || is_narrow(dtype_from_name(d.attrs.get_string("to", "")))) {
    const std::string mode = d.attrs.get_string("round_mode", "up");
    TEMPER_CHECK(mode == "up" || mode == "down" || mode == "nearest", ErrorCode::kInvalidModel,
                 d.origin, " has the round_mode '", mode, "', expected up, down or nearest");
    return;
  }
  d.attrs.erase("saturate");
  d.attrs.erase("round_mode");
  if (is_float(dtype_from_name(d.attrs.get_string("to", "")))) {
    read_product_as_floats(d);
  }
}

std::vector<ValueId> write_cast_like(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  return {b.cast(inputs[0], dtype_from_name(node.attrs.get_string("to", "")))};
}

}  // namespace

void register_cast(OpRegistry& ops) {
  ops.add("Cast")
      .takes_narrow()
      .type_attribute("to")
      .upgrade(upgrade_cast)
      .batch(batch_elementwise)
      .moves(Movement::kConvert)
      .infer(infer_cast)
      .gradient(cast_gradient);
  ops.add("CastLike")
      .takes_narrow()
      .upgrade(upgrade_cast)
      .batch(batch_elementwise)
      .moves(Movement::kConvert)
      .inputs(2, 2)
      .absorbs({1})
      .standard(write_cast_like)
      .infer(infer_cast_like)
      .gradient(cast_gradient);
}

}  // namespace temper::graph
