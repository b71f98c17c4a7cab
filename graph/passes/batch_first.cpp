#include "graph/passes/batch_first.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "graph/ir/op_registry.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// Adds nodes whose shapes are inferred when the graph is bound.
class Adder {
 public:
  Adder(Graph& graph, std::string origin) : graph_(graph), origin_(std::move(origin)) {}

  ValueId op(const char* name, std::vector<ValueId> inputs, Attrs attrs = {}) {
    const NodeId id = graph_.add_node(graph_.registry().get(name), std::move(inputs), {""},
                                      std::move(attrs), origin_);
    return graph_.ensure_output(id, 0);
  }

  ValueId ints(const Ints& values) {
    return graph_.add_constant(
        {}, Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(values.size())},
                                       values));
  }

  // Dimensions [begin, end) of a value; a negative end: to the last.
  ValueId dims(ValueId of, std::int64_t begin, std::int64_t end) {
    Attrs attrs{{"start", begin}};
    if (end >= 0) {
      attrs.set("end", end);
    }
    return op("Shape", {of}, std::move(attrs));
  }

  ValueId join(std::vector<ValueId> parts) {
    return op("Concat", std::move(parts), {{"axis", std::int64_t{0}}});
  }

 private:
  Graph& graph_;
  std::string origin_;
};

std::string named(const char* what, const Graph& graph, ValueId id) {
  return concat(what, " '", graph.value(id).name, "'");
}

// All uses of the input take `made` instead, which is computed from it by `first`.
void stand_between(Graph& graph, ValueId input, ValueId made, NodeId first) {
  graph.replace_uses(input, made);
  graph.node(first).inputs.front() = input;
}

void leave_inputs(Graph& graph, ValueId input) { std::erase(graph.inputs, input); }

}  // namespace

void move_batch_first(Graph& graph, ValueId input, int axis) {
  if (axis == 0) {
    return;
  }
  Value& value = graph.value(input);
  const auto rank = static_cast<int>(value.dims.size());
  TEMPER_ASSERT(axis > 0 && axis < rank);
  Ints perm;  // back to where the dimensions were
  for (int i = 0; i < rank; ++i) {
    perm.push_back(i == axis ? 0 : i < axis ? i + 1 : i);
  }
  std::rotate(value.dims.begin(), value.dims.begin() + axis, value.dims.begin() + axis + 1);
  const DType dtype = value.dtype;
  Adder add(graph, named("layout of input", graph, input));
  const ValueId moved = add.op("Transpose", {input}, {{"perm", perm}});
  graph.value(moved).dtype = dtype;
  stand_between(graph, input, moved, graph.value(moved).producer);
}

void add_batch_of_one(Graph& graph, ValueId input) {
  Value& value = graph.value(input);
  value.dims.insert(value.dims.begin(), Dim{1, {}});
  Shape shape{1};
  for (const std::int64_t dim : value.shape) {
    shape.push_back(dim);
  }
  value.shape = shape;
  Adder add(graph, named("layout of input", graph, input));
  const ValueId one = add.op("Squeeze", {input, add.ints({0})});
  stand_between(graph, input, one, graph.value(one).producer);
}

void fix_input(Graph& graph, ValueId input, Tensor value) {
  leave_inputs(graph, input);
  Value& fixed = graph.value(input);
  TEMPER_ASSERT(value.dtype() == fixed.dtype);
  fixed.kind = ValueKind::kConstant;
  fixed.shape = value.shape();
  fixed.shape_known = true;
  fixed.dims.clear();
  fixed.port = {};
  fixed.constant = std::move(value);
}

void fix_input(Graph& graph, ValueId input, Tensor value, const Shape& shape, int axis,
               ValueId like) {
  const auto part = [&](int from, int to) {
    return Ints(shape.begin() + from, shape.begin() + to);
  };
  fix_input(graph, input, std::move(value));
  Adder add(graph, named("value of input", graph, input));
  std::vector<ValueId> parts;
  if (axis > 0) {
    parts.push_back(add.ints(part(0, axis)));
  }
  parts.push_back(add.dims(like, 0, 1));
  if (axis + 1 < shape.rank()) {
    parts.push_back(add.ints(part(axis + 1, shape.rank())));
  }
  const ValueId repeated = add.op("Expand", {input, add.join(std::move(parts))});
  stand_between(graph, input, repeated, graph.value(repeated).producer);
}

void move_output_first(Graph& graph, std::size_t i, int rank, int batch, int time) {
  Ints perm = {batch};
  if (time >= 0) {
    perm.push_back(time);
  }
  for (int axis = 0; axis < rank; ++axis) {
    if (axis != batch && axis != time) {
      perm.push_back(axis);
    }
  }
  if (std::is_sorted(perm.begin(), perm.end())) {
    return;
  }
  Adder add(graph, concat("layout of output '", graph.outputs[i].name, "'"));
  graph.outputs[i].value = add.op("Transpose", {graph.outputs[i].value}, {{"perm", perm}});
}

void add_output_batch_of_one(Graph& graph, std::size_t i) {
  Adder add(graph, concat("layout of output '", graph.outputs[i].name, "'"));
  graph.outputs[i].value = add.op("Unsqueeze", {graph.outputs[i].value, add.ints({0})});
}

void split_output_rows(Graph& graph, std::size_t i, bool samples_inside, int rank, ValueId like) {
  Adder add(graph, concat("layout of output '", graph.outputs[i].name, "'"));
  const ValueId flat = graph.outputs[i].value;
  std::vector<ValueId> parts = {add.dims(like, 0, 1), add.ints({-1})};
  if (samples_inside) {
    std::swap(parts[0], parts[1]);
  }
  if (rank > 1) {
    parts.push_back(add.dims(flat, 1, -1));
  }
  graph.outputs[i].value = add.op("Reshape", {flat, add.join(std::move(parts))});
  if (samples_inside) {
    move_output_first(graph, i, rank + 1, 1);
  }
}

}  // namespace temper::graph
