// OneHot: y[.., k, ..] = values[1] where k is the index, values[0] elsewhere. An index outside
// [-depth, depth) gives no 1.
#include "graph/ir/batch_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_one_hot(InferContext& c) {
  const Shape indices = c.shape(0);
  const auto number = c.take_number("depth", 1);
  c.check(number.has_value(), "OneHot has no depth");
  c.check(*number >= 0 && *number < 0x1p53, "OneHot has depth ", *number);
  const auto depth = static_cast<std::int64_t>(*number);
  c.check(c.shape(2) == Shape{2}, "OneHot values have the shape ", c.shape(2),
          ", expected [2] (off, on)");
  const int axis = static_cast<int>(c.axis("axis", -1, indices.rank() + 1));
  Shape output;
  for (int a = 0; a < indices.rank(); ++a) {
    if (a == axis) {
      output.push_back(depth);
    }
    output.push_back(indices[a]);
  }
  if (axis == indices.rank()) {
    output.push_back(depth);
  }
  c.attrs().set("depth", depth);
  c.set_output(0, c.dtype(2), output);
}

int batch_of_one_hot(const BatchContext& c) {
  return c.data_axis() < c.number("axis") ? c.data_axis() : c.data_axis() + 1;
}

}  // namespace

void register_one_hot(OpRegistry& ops) {
  ops.add("OneHot")
      .batch(batch_of_one_hot)
      .inputs(3, 3)
      .absorbs({1})
      .writes(1, "depth", InputForm::kInteger)
      .infer(infer_one_hot)
      .no_gradient("ONNX defines none: it chooses by integers");
}

}  // namespace temper::graph
