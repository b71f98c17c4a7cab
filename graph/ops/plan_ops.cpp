// Ops that lowering puts into a plan (Reorder, CommitIf, Copy) and AllFinite, which makes the
// step's scalar `ok`.
#include <numeric>

#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// y = x, in another layout (Reorder) or memory (Copy)
void infer_copy(InferContext& c) { c.set_output(0, c.dtype(0), c.shape(0)); }

void check_ok(const InferContext& c) {
  c.check(c.dtype(0) == DType::kBool && c.rank(0) == 0, "input 0 must be a bool scalar, but is ",
          c.dtype(0), c.shape(0));
}

// variable = ok ? value : variable
void infer_commit_if(InferContext& c) {
  check_ok(c);
  c.set_output(0, c.dtype(1), c.shape(1));
}

// ok = no input has an infinite or NaN element
void infer_all_finite(InferContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    c.shape(i);  // throws when it is missing
  }
  c.set_output(0, DType::kBool, {});
}

// x - x is 0 where x is finite, NaN elsewhere.
std::vector<ValueId> write_all_finite(Builder& b, const Node&, const std::vector<ValueId>& inputs) {
  ValueId all;
  for (const ValueId x : inputs) {
    ValueId finite = b.op("Equal", {b.sub(x, x), b.scalar(b.dtype(x), 0)});
    std::vector<std::int64_t> axes(static_cast<std::size_t>(b.shape(x).rank()));
    std::iota(axes.begin(), axes.end(), 0);
    if (!axes.empty()) {
      const ValueId least = b.op("ReduceMin", {b.cast(finite, DType::kFloat32)},
                                 {{"axes", axes}, {"keepdims", std::int64_t{0}}});
      finite = b.cast(least, DType::kBool);
    }
    all = all.valid() ? b.op("And", {all, finite}) : finite;
  }
  return {all};
}

}  // namespace

void register_plan_ops(OpRegistry& ops) {
  ops.add("Reorder").internal().infer(infer_copy).no_gradient("made after the gradient");
  ops.add("Copy").internal().infer(infer_copy).no_gradient("made after the gradient");
  ops.add("CommitIf")
      .inputs(2, 2)
      .internal()
      .stateful()
      .infer(infer_commit_if)
      .no_gradient("made after the gradient");
  ops.add("AllFinite")
      .inputs(1, -1)
      .internal()
      .infer(infer_all_finite)
      .standard(write_all_finite)
      .no_gradient("bool output");
}

}  // namespace temper::graph
