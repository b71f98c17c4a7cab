// Adds nodes to a graph and infers their outputs at once. Names ops as ONNX does.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

class Builder {
 public:
  // `origin` is what messages and profiles call the nodes made here.
  explicit Builder(Graph& graph, std::string origin = {})
      : graph_(graph), origin_(std::move(origin)) {}

  Graph& graph() { return graph_; }
  const std::string& origin() const { return origin_; }
  void set_origin(std::string origin) { origin_ = std::move(origin); }

  // One output.
  ValueId op(std::string_view name, std::vector<ValueId> inputs, Attrs attrs = {});
  // Several outputs; `wanted[i]` false leaves output i out (an invalid id stands for it).
  std::vector<ValueId> ops(std::string_view name, std::vector<ValueId> inputs, int outputs,
                           Attrs attrs = {}, std::vector<bool> wanted = {});

  // A copy: adding nodes moves the graph's values, so a reference would dangle.
  Shape shape(ValueId id) const { return graph_.value(id).shape; }
  DType dtype(ValueId id) const { return graph_.value(id).dtype; }

  // A scalar constant of this dtype.
  ValueId scalar(DType dtype, double value);
  ValueId zeros_like(ValueId like);

  ValueId add(ValueId a, ValueId b) { return op("Add", {a, b}); }
  ValueId sub(ValueId a, ValueId b) { return op("Sub", {a, b}); }
  ValueId mul(ValueId a, ValueId b) { return op("Mul", {a, b}); }
  ValueId div(ValueId a, ValueId b) { return op("Div", {a, b}); }
  ValueId neg(ValueId a) { return op("Neg", {a}); }
  ValueId scale(ValueId a, double factor) { return mul(a, scalar(dtype(a), factor)); }
  ValueId cast(ValueId a, DType to);
  // Shapes by value: a reference into the graph would not survive the nodes added here.
  ValueId reshape(ValueId a, Shape shape);
  ValueId transpose(ValueId a, std::vector<std::int64_t> perm);
  ValueId reduce_sum(ValueId a, std::vector<std::int64_t> axes, bool keepdims);
  // Sums away broadcast axes so that the result has the shape `target`.
  ValueId sum_to(ValueId a, Shape target);
  ValueId expand(ValueId a, Shape shape);
  // a[start:end:step] along one axis.
  ValueId slice(ValueId a, std::int64_t axis, std::int64_t start, std::int64_t end,
                std::int64_t step = 1);

 private:
  Graph& graph_;
  std::string origin_;
};

}  // namespace temper::graph
