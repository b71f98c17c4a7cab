// Compress: the elements, or the slices along an axis, at which the condition holds. How many those
// are must be known when the graph is compiled, so the condition must be a constant.
#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// The places that are taken become the attribute `picks`.
void take_picks(InferContext& c) {
  if (c.has_input(1)) {
    const Tensor* condition = c.constant(1);
    TEMPER_CHECK(condition != nullptr, ErrorCode::kUnsupported,
                 "the condition of Compress is computed from data, and so is the shape of its "
                 "output; only conditions known when the graph is compiled are supported");
    c.check(condition->dtype() == DType::kBool && condition->shape().rank() == 1,
            "the condition is ", condition->dtype(), " ", condition->shape(),
            ", expected bool with one dimension");
    std::vector<std::int64_t> picks;
    std::int64_t at = 0;
    for (const std::int64_t holds : condition->values<std::int64_t>()) {
      if (holds != 0) {
        picks.push_back(at);
      }
      ++at;
    }
    c.attrs().set("picks", picks);
    c.drop_input(1);
  }
  c.check(c.attrs().has("picks"), "input 1 is missing");
}

void infer_compress(InferContext& c) {
  take_picks(c);
  Shape output = c.shape(0);
  int axis = 0;
  if (c.attrs().has("axis")) {
    c.check(output.rank() > 0, "Compress of a scalar along an axis");
    axis = static_cast<int>(c.axis("axis", 0, output.rank()));
  } else {
    output = {output.element_count()};
  }
  const std::vector<std::int64_t> picks = c.attrs().get_ints("picks");
  for (const std::int64_t pick : picks) {
    c.check(pick >= 0 && pick < output[axis], "the condition of Compress holds at ", pick,
            ", but there are ", output[axis], " elements");
  }
  output[axis] = static_cast<std::int64_t>(picks.size());
  c.set_output(0, c.dtype(0), output);
}

// y = Gather(x, picks), of the flat x without an axis
std::vector<ValueId> expand_compress(Builder& b, const Node& node,
                                     const std::vector<ValueId>& inputs) {
  const std::vector<std::int64_t> picks = node.attrs.get_ints("picks");
  const Attrs attrs = {{"axis", node.attrs.get_int("axis", 0)}};
  const ValueId indices = b.graph().add_constant(
      {},
      Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(picks.size())}, picks));
  const ValueId from = node.attrs.has("axis")
                           ? inputs[0]
                           : b.reshape(inputs[0], {b.shape(inputs[0]).element_count()});
  return {b.op("Gather", {from, indices}, attrs)};
}

int batch_of_compress(const BatchContext& c) {
  c.check(c.node().attrs.has("axis") && c.data_axis() != c.number("axis"),
          "picks samples of the batch");
  return c.data_axis();
}

}  // namespace

void register_compress(OpRegistry& ops) {
  ops.add("Compress")
      .batch(batch_of_compress)
      .inputs(1, 2)
      .absorbs({1})
      .infer(infer_compress)
      .expands(expand_compress)
      .expanded_in_plans();
}

}  // namespace temper::graph
