// Scaler of ai.onnx.ml, with which exports of pipelines begin: y = (x - offset) scale, by feature
// (the last axis) or one number for all, in float32.
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_scaler(InferContext& c) {
  const Shape x = c.shape(0);
  c.check(is_float(c.dtype(0)) || is_integer(c.dtype(0)), "the input is ", c.dtype(0),
          ", expected numbers");
  const std::vector<double> offset = c.attrs().get_doubles("offset");
  const std::vector<double> scale = c.attrs().get_doubles("scale");
  const auto features = x.rank() > 0 ? static_cast<std::size_t>(x[x.rank() - 1]) : 1;
  c.check(offset.size() == scale.size() && (scale.size() == 1 || scale.size() == features),
          "there are ", offset.size(), " offsets and ", scale.size(), " scales for the input ", x,
          ", expected 1 or ", features, " of each");
  c.set_output(0, DType::kFloat32, x);
}

std::vector<ValueId> expand_scaler(Builder& b, const Node& node,
                                   const std::vector<ValueId>& inputs) {
  const auto constant = [&](const char* name) {
    const std::vector<double> numbers = node.attrs.get_doubles(name);
    const Shape shape =
        numbers.size() == 1 ? Shape{} : Shape{static_cast<std::int64_t>(numbers.size())};
    return b.graph().add_constant({}, Tensor::from<double>(DType::kFloat32, shape, numbers));
  };
  const ValueId moved = b.sub(b.cast(inputs[0], DType::kFloat32), constant("offset"));
  return {b.mul(moved, constant("scale"))};
}

int batch_of_scaler(const BatchContext& c) {
  const int at = c.data_axis();
  const bool by_feature = c.node().attrs.get_doubles("scale").size() > 1;
  c.check(!by_feature || at + 1 < c.shape(0).rank(), "scales each sample of the batch by its own");
  return at;
}

}  // namespace

void register_ml_scaler(OpRegistry& ops) {
  ops.add("Scaler")
      .in_domain("ai.onnx.ml")
      .batch(batch_of_scaler)
      .infer(infer_scaler)
      .expands(expand_scaler)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
