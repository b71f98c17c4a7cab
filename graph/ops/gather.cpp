// Gather: rows of x along an axis by index, y = x[.., indices, ..]; negative indices count from the
// end.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/index_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

Shape gathered_shape(const Shape& data, const Shape& indices, int axis) {
  Shape output;
  for (int a = 0; a < axis; ++a) {
    output.push_back(data[a]);
  }
  for (const std::int64_t dim : indices) {
    output.push_back(dim);
  }
  for (int a = axis + 1; a < data.rank(); ++a) {
    output.push_back(data[a]);
  }
  return output;
}

void infer_gather(InferContext& c) {
  const Shape data = c.shape(0);
  c.check(data.rank() > 0, "Gather from a scalar");
  const int axis = static_cast<int>(c.axis("axis", 0, data.rank()));
  check_indices(c, data[axis]);
  c.set_output(0, c.dtype(0), gathered_shape(data, c.shape(1), axis));
}

void infer_gather_grad(InferContext& c) {
  const Shape data(c.attrs().get_ints("data_shape"));
  c.check(data.rank() > 0, "GatherGrad to a scalar");
  const int axis = static_cast<int>(c.axis("axis", 0, data.rank()));
  check_indices(c, data[axis]);
  const Shape expected = gathered_shape(data, c.shape(1), axis);
  c.check(c.shape(0) == expected, "GatherGrad got ", c.shape(0), ", expected ", expected);
  c.set_output(0, c.dtype(0), data);
}

// y = x[indices];  dx = zeros, dx[indices] += dy
void gather_gradient(GradContext& g) {
  const Shape& data = g.shape(g.x(0));
  if (g.needs(0)) {
    g.set(0, g.builder().op("GatherGrad", {g.dy(), g.x(1)},
                            {{"axis", g.attrs().get_int("axis", 0)},
                             {"data_shape", std::vector<std::int64_t>(data.begin(), data.end())}}));
  }
}

// y = zeros, y[indices] += x;  dx = dy[indices]
void gather_grad_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0, g.builder().op("Gather", {g.dy(), g.x(1)}, {{"axis", g.attrs().get_int("axis", 0)}}));
  }
}

// zeros, [indices] += dy: ScatterND writes along the first axis
std::vector<ValueId> write_gather_grad(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  const Shape data(node.attrs.get_ints("data_shape"));
  const auto axis = static_cast<std::size_t>(node.attrs.get_int("axis", 0));
  const auto count = static_cast<std::size_t>(b.shape(inputs[1]).rank());
  // [before, indices, after] -> [indices, before, after]
  std::vector<std::int64_t> to_front;
  for (std::size_t i = 0; i < count; ++i) {
    to_front.push_back(static_cast<std::int64_t>(axis + i));
  }
  Shape rows{data[static_cast<int>(axis)]};
  Shape updates{b.shape(inputs[1]).element_count()};
  for (std::size_t i = 0; i < static_cast<std::size_t>(data.rank()); ++i) {
    if (i != axis) {
      to_front.push_back(static_cast<std::int64_t>(i < axis ? i : i + count - 1));
      rows.push_back(data[static_cast<int>(i)]);
      updates.push_back(data[static_cast<int>(i)]);
    }
  }
  const ValueId dy = axis == 0 ? inputs[0] : b.transpose(inputs[0], to_front);
  const ValueId places = b.reshape(b.cast(inputs[1], DType::kInt64), {updates[0], 1});
  const ValueId dx =
      b.op("ScatterND",
           {b.expand(b.scalar(b.dtype(inputs[0]), 0), rows), places, b.reshape(dy, updates)},
           {{"reduction", std::string("add")}});
  std::vector<std::int64_t> back;
  for (std::int64_t i = 1; i < data.rank(); ++i) {
    back.push_back(i);
  }
  back.insert(back.begin() + static_cast<std::ptrdiff_t>(axis), 0);
  return {axis == 0 ? dx : b.transpose(dx, back)};
}

int batch_of_gather(const BatchContext& c) {
  const int along = c.number("axis");
  const BatchAxis table = c.axis(0), indices = c.axis(1);
  c.check(!table || !indices, "picks from each sample by indices of each sample");
  if (indices) {
    return along + *indices;
  }
  c.check(*table != along, "picks samples of the batch");
  return *table < along ? *table : *table + c.shape(1).rank() - 1;
}

}  // namespace

void register_gather(OpRegistry& ops) {
  ops.add("Gather")
      .batch(batch_of_gather)
      .inputs(2, 2)
      .index_input(1)
      .weight(0, "embedding table")
      .infer(infer_gather)
      .gradient(gather_gradient);
  ops.add("GatherGrad")
      .inputs(2, 2)
      .internal()
      .infer(infer_gather_grad)
      .gradient(gather_grad_gradient)
      .standard(write_gather_grad);
}

}  // namespace temper::graph
