#include "graph/ir/builder.h"

#include "graph/ir/broadcast.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {

std::vector<ValueId> Builder::ops(std::string_view name, std::vector<ValueId> inputs, int outputs,
                                  Attrs attrs, std::vector<bool> wanted) {
  const NodeId id = graph_.add_node(graph_.registry().get(name), std::move(inputs),
                                    std::vector<std::string>(static_cast<std::size_t>(outputs)),
                                    std::move(attrs), origin_);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) {
      graph_.node(id).outputs[i] = ValueId{};
    }
  }
  infer_node(graph_, id);
  return graph_.node(id).outputs;
}

ValueId Builder::op(std::string_view name, std::vector<ValueId> inputs, Attrs attrs) {
  return ops(name, std::move(inputs), 1, std::move(attrs)).front();
}

ValueId Builder::scalar(DType dtype, double value) {
  return graph_.add_constant({}, Tensor::scalar(dtype, value));
}

ValueId Builder::zeros_like(ValueId like) {
  const Shape target = shape(like);
  return expand(scalar(dtype(like), 0), target);
}

ValueId Builder::cast(ValueId a, DType to) {
  return dtype(a) == to ? a : op("Cast", {a}, {{"to", std::string(to_string(to))}});
}

ValueId Builder::reshape(ValueId a, Shape target) {
  if (shape(a) == target) {
    return a;
  }
  return op("Reshape", {a},
            {{"shape", std::vector<std::int64_t>(target.begin(), target.end())},
             {"allowzero", std::int64_t{1}}});
}

ValueId Builder::transpose(ValueId a, std::vector<std::int64_t> perm) {
  return op("Transpose", {a}, {{"perm", std::move(perm)}});
}

ValueId Builder::reduce_sum(ValueId a, std::vector<std::int64_t> axes, bool keepdims) {
  return op("ReduceSum", {a}, {{"axes", std::move(axes)}, {"keepdims", std::int64_t{keepdims}}});
}

ValueId Builder::sum_to(ValueId a, Shape target) {
  const std::vector<std::int64_t> axes = broadcast_axes(target, shape(a));
  if (axes.empty()) {
    return a;
  }
  return reshape(reduce_sum(a, axes, true), target);
}

ValueId Builder::expand(ValueId a, Shape target) {
  if (shape(a) == target) {
    return a;
  }
  return op("Expand", {a}, {{"shape", std::vector<std::int64_t>(target.begin(), target.end())}});
}

ValueId Builder::slice(ValueId a, std::int64_t axis, std::int64_t start, std::int64_t end,
                       std::int64_t step) {
  using Ints = std::vector<std::int64_t>;
  return op(
      "Slice", {a},
      {{"starts", Ints{start}}, {"ends", Ints{end}}, {"axes", Ints{axis}}, {"steps", Ints{step}}});
}

}  // namespace temper::graph
