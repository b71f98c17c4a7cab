// ScatterElements and ScatterND (and Scatter, the former's name up to opset 10): a copy of the data
// in which updates stand at the indices, or are added, multiplied, or taken where they are larger
// or smaller. Without a reduction the last of several updates of an element stays.
#include <string>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/index_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void check_reduction(InferContext& c) {
  const std::string reduction = c.attrs().get_string("reduction", "none");
  c.check(reduction == "none" || reduction == "add" || reduction == "mul" || reduction == "max" ||
              reduction == "min",
          "reduction is '", reduction, "', expected none, add, mul, max or min");
  TEMPER_CHECK(reduction == "none" || is_float(c.dtype(0)) || is_integer(c.dtype(0)),
               ErrorCode::kUnsupported, "reduction '", reduction, "' of ", c.dtype(0),
               " is not supported, only of numbers");
  c.attrs().set("reduction", reduction);
  c.require_same_dtype({0, 2});
}

void infer_scatter_elements(InferContext& c) {
  check_element_indices(c);
  check_reduction(c);
  c.check(c.shape(1) == c.shape(2), "indices and updates must have one shape, but are ", c.shape(1),
          " and ", c.shape(2));
  c.set_output(0, c.dtype(0), c.shape(0));
}

void infer_scatter_nd(InferContext& c) {
  const Shape slices = slices_of_tuples(c);
  check_reduction(c);
  c.check(c.shape(2) == slices, "updates have the shape ", c.shape(2), ", expected ", slices);
  c.set_output(0, c.dtype(0), c.shape(0));
}

// Scatters and gathers at the indices of the node.
class Places {
 public:
  explicit Places(GradContext& g) : b_(g.builder()), indices_(g.x(1)), attrs_(g.attrs()) {
    is_nd_ = g.node().op->name() == "ScatterND";
    attrs_.erase("reduction");
  }
  ValueId pick(ValueId from) {
    return b_.op(is_nd_ ? "GatherND" : "GatherElements", {from, indices_}, attrs_);
  }
  ValueId put(ValueId into, ValueId updates, const char* reduction) {
    Attrs attrs = attrs_;
    attrs.set("reduction", std::string(reduction));
    return b_.op(is_nd_ ? "ScatterND" : "ScatterElements", {into, indices_, updates}, attrs);
  }

 private:
  Builder& b_;
  ValueId indices_;
  Attrs attrs_;
  bool is_nd_;
};

// y = max(x, u..) or min:  the elements equal to y share dy evenly
void extremum_gradient(GradContext& g, Places& at) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(g.dy());
  const ValueId of_data = b.cast(b.op("Equal", {g.x(0), g.y()}), dtype);
  const ValueId of_updates = b.cast(b.op("Equal", {g.x(2), at.pick(g.y())}), dtype);
  const ValueId share = b.div(g.dy(), at.put(of_data, of_updates, "add"));
  if (g.needs(0)) {
    g.set(0, b.mul(of_data, share));
  }
  if (g.needs(2)) {
    g.set(2, b.mul(of_updates, at.pick(share)));
  }
}

// y = x u1 u2 ..;  dx = dy u1 u2 ..,  du1 = dy x u2 ..: the product p of all factors that are not 0
// by the own one, or p where the own one is the only 0, or 0. (The second derivative is that of
// factors that are not 0.)
void product_gradient(GradContext& g, Places& at) {
  Builder& b = g.builder();
  const DType dtype = b.dtype(g.dy());
  const ValueId updates = g.x(2);
  if (g.needs(0)) {
    g.set(0, at.put(g.dy(), updates, "mul"));
  }
  if (!g.needs(2)) {
    return;
  }
  const ValueId zero = b.scalar(dtype, 0), one = b.scalar(dtype, 1);
  const ValueId is_zero = b.op("Equal", {updates, zero});
  const ValueId factors = b.op("Where", {is_zero, one, updates});
  const ValueId product = at.pick(at.put(g.x(0), factors, "mul"));
  const ValueId zeros = at.put(b.zeros_like(g.x(0)), b.cast(is_zero, dtype), "add");
  const ValueId others = b.sub(at.pick(zeros), b.cast(is_zero, dtype));  // zeros among them
  const ValueId rest =
      b.op("Where", {b.op("Equal", {others, zero}), b.div(product, factors), zero});
  g.set(2, b.mul(at.pick(g.dy()), rest));
}

// y = x, y[indices] = u;  dx = dy, dx[indices] = 0,  du = dy[indices]
// y = x, y[indices] += u;  dx = dy,  du = dy[indices]
void scatter_gradient(GradContext& g) {
  Places at(g);
  const std::string reduction = g.attrs().get_string("reduction", "none");
  if (reduction == "max" || reduction == "min") {
    extremum_gradient(g, at);
    return;
  }
  if (reduction == "mul") {
    product_gradient(g, at);
    return;
  }
  if (g.needs(0)) {
    const bool adds = reduction == "add";
    g.set(0, adds ? g.dy() : at.put(g.dy(), g.builder().zeros_like(g.x(2)), "none"));
  }
  if (g.needs(2)) {
    g.set(2, at.pick(g.dy()));
  }
}

// Reductions came with opset 16.
void upgrade_scatter(NodeDraft& d) {
  d.attrs.erase("batch_dims");  // ours: ONNX's ScatterND has none
  if (d.opset < 16) {
    d.attrs.erase("reduction");
  }
  if (d.op == "Scatter") {
    d.op = "ScatterElements";
  }
}

// The batch lies along the same axis in all three.
int batch_of_scatter_elements(const BatchContext& c) {
  const BatchAxis data = c.axis(0);
  c.check(data && c.axis(1) == data && c.axis(2) == data,
          "writes to each sample by indices or updates that the samples share");
  c.check(*data != c.number("axis"), "writes samples of the batch");
  return *data;
}

// The batch lies in the slices: the indices are shared.
int batch_of_scatter_nd(const BatchContext& c) {
  const BatchAxis data = c.axis(0), updates = c.axis(2);
  c.check(data && updates && !c.axis(1),
          "writes other than updates of each sample at places that all share");
  const int last = c.shape(1).rank() - 1;
  const int slices = c.number("batch_dims") + static_cast<int>(c.shape(1)[last]);
  c.check(*data >= slices && *updates == last + *data - slices, "writes samples of the batch");
  return *data;
}

// ONNX's has no batch dimensions.
std::vector<ValueId> write_scatter_nd(Builder&, const Node& node, const std::vector<ValueId>&) {
  TEMPER_CHECK(node.attrs.get_int("batch_dims", 0) == 0, ErrorCode::kUnsupported,
               "the gradient of a GatherND with batch_dims is no ScatterND of the standard");
  return {};
}

}  // namespace

void register_scatter(OpRegistry& ops) {
  for (const char* name : {"ScatterElements", "Scatter"}) {
    ops.add(name)
        .batch(batch_of_scatter_elements)
        .upgrade(upgrade_scatter)
        .inputs(3, 3)
        .infer(infer_scatter_elements)
        .gradient(scatter_gradient);
  }
  ops.add("ScatterND")
      .batch(batch_of_scatter_nd)
      .moves(Movement::kJoin)
      .upgrade(upgrade_scatter)
      .inputs(3, 3)
      .infer(infer_scatter_nd)
      .unwritten({"batch_dims"})
      .standard(write_scatter_nd)
      .gradient(scatter_gradient);
}

}  // namespace temper::graph
