// Shape and Size. Dimensions are numbers when shapes are inferred, so the answer goes to the
// attribute `value` and the input is let go: the node folds to a constant even if its input is
// data.
#include <algorithm>

#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// The dimensions [start, end); negative ones count from the end, all are clamped.
void infer_shape(InferContext& c) {
  if (c.has_input(0)) {
    const Shape input = c.shape(0);
    const std::int64_t rank = input.rank();
    const auto clamp = [rank](std::int64_t v) {
      return std::clamp(v < 0 ? v + rank : v, std::int64_t{0}, rank);
    };
    const std::int64_t start = clamp(c.attrs().get_int("start", 0));
    const std::int64_t end = std::max(start, clamp(c.attrs().get_int("end", rank)));
    c.attrs().set("value", std::vector<std::int64_t>(input.begin() + start, input.begin() + end));
    c.attrs().erase("start");
    c.attrs().erase("end");
    c.drop_input(0);
  }
  c.check(c.attrs().has("value"), "input 0 is missing");
  c.set_output(0, DType::kInt64, {static_cast<std::int64_t>(c.attrs().get_ints("value").size())});
}

void infer_size(InferContext& c) {
  if (c.has_input(0)) {
    c.attrs().set("value", std::vector<std::int64_t>{c.shape(0).element_count()});
    c.drop_input(0);
  }
  c.check(c.attrs().has("value"), "input 0 is missing");
  c.set_output(0, DType::kInt64, {});
}

}  // namespace

void register_shape_query(OpRegistry& ops) {
  ops.add("Shape")
      .takes_narrow()
      .absorbs({0})
      .infer(infer_shape)
      .no_gradient("a shape does not depend on values");
  ops.add("Size")
      .takes_narrow()
      .absorbs({0})
      .infer(infer_size)
      .no_gradient("a size does not depend on values");
}

}  // namespace temper::graph
