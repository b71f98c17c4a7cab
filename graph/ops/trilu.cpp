// Trilu: the upper (j - i >= k) or lower (j - i <= k) triangle of matrices, 0 elsewhere. EyeLike: 1
// where j - i = k, 0 elsewhere, of the shape of its input.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_trilu(InferContext& c) {
  const Shape input = c.shape(0);
  c.check(input.rank() >= 2, "Trilu of ", input, ", expected matrices");
  const auto k = c.take_ints("k", 1).value_or(std::vector<std::int64_t>{0});
  c.check(k.size() == 1, "Trilu has ", k.size(), " numbers k, expected one");
  const std::int64_t rows = input[input.rank() - 2], columns = input[input.rank() - 1];
  // Beyond these bounds all is kept, or nothing.
  c.attrs().set("k", std::vector<std::int64_t>{std::clamp(k.front(), -rows, columns)});
  c.attrs().set("upper", c.attrs().get_int("upper", 1));
  c.set_output(0, c.dtype(0), input);
}

// y = triangle(x);  dx = triangle(dy)
void trilu_gradient(GradContext& g) { g.set(0, g.builder().op("Trilu", {g.dy()}, g.attrs())); }

int batch_of_trilu(const BatchContext& c) {
  c.check(c.data_axis() < c.shape(0).rank() - 2, "takes a triangle of the batch");
  return c.data_axis();
}

void infer_eye_like(InferContext& c) {
  if (c.has_input(0)) {
    const Shape input = c.shape(0);
    c.check(input.rank() == 2, "EyeLike of ", input, ", expected a matrix");
    c.attrs().set("shape", std::vector<std::int64_t>(input.begin(), input.end()));
    if (!c.attrs().has("dtype")) {
      c.attrs().set("dtype", std::string(to_string(c.dtype(0))));
    }
    c.drop_input(0);
  }
  const std::vector<std::int64_t> shape = c.attrs().get_ints("shape");
  c.check(shape.size() == 2 && shape[0] >= 0 && shape[1] >= 0, "input 0 is missing");
  const std::string name = c.attrs().get_string("dtype", "");
  const DType dtype = dtype_from_name(name);
  c.check(dtype != DType::kUndefined && dtype != DType::kOpaque, "EyeLike of type '", name,
          "', which is no element type");
  c.attrs().set("k", std::clamp(c.attrs().get_int("k", 0), -shape[0], shape[1]));
  c.set_output(0, dtype, Shape(shape));
}

}  // namespace

void register_trilu(OpRegistry& ops) {
  ops.add("Trilu")
      .batch(batch_of_trilu)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "k", InputForm::kInteger)
      .infer(infer_trilu)
      .gradient(trilu_gradient);
  ops.add("EyeLike")
      .type_attribute("dtype")
      .absorbs({0})
      .infer(infer_eye_like)
      .no_gradient("it does not depend on values");
}

}  // namespace temper::graph
