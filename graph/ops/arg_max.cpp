// ArgMax and ArgMin: the index (i64) of the largest or smallest element along an axis; the first of
// equal ones unless select_last_index. NaN wins in both.
#include "graph/ir/batch_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_arg_max(InferContext& c) {
  const Shape input = c.shape(0);
  const std::string name = c.node().op->name();
  c.check(input.rank() > 0, name, " of a scalar");
  const int axis = static_cast<int>(c.axis("axis", 0, input.rank()));
  c.check(input[axis] > 0, name, " along axis ", axis, " of ", input, ", which is empty");
  const bool keep = c.attrs().get_int("keepdims", 1) != 0;
  c.attrs().set("keepdims", std::int64_t{keep});
  c.attrs().set("select_last_index", c.attrs().get_int("select_last_index", 0));
  Shape output;
  for (int a = 0; a < input.rank(); ++a) {
    if (a != axis) {
      output.push_back(input[a]);
    } else if (keep) {
      output.push_back(1);
    }
  }
  c.set_output(0, DType::kInt64, output);
}

int batch_of_arg_max(const BatchContext& c) { return c.without({c.number("axis")}); }

}  // namespace

void register_arg_max(OpRegistry& ops) {
  for (const char* name : {"ArgMax", "ArgMin"}) {
    ops.add(name).batch(batch_of_arg_max).infer(infer_arg_max).no_gradient("integer output");
  }
}

}  // namespace temper::graph
