// GridSample: y[n, c, p] = x[n, c] between its elements at the place grid[n, p], given as numbers
// from -1 to 1, the last axis of x first. AffineGrid: the places to which an affine map takes a
// regular grid. Together they are a spatial transformer.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/sampled_places.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

// x [N, C, d...], grid [N, o..., rank of d]
void check_sampled(InferContext& c, int x_input, int grid_input) {
  Attrs& attrs = c.attrs();
  const std::string mode = attrs.get_string("mode", "linear");
  c.check(mode == "linear" || mode == "nearest" || mode == "cubic", "GridSample has mode \"", mode,
          "\", expected linear, nearest or cubic");
  const std::string padding = attrs.get_string("padding_mode", "zeros");
  c.check(padding == "zeros" || padding == "border" || padding == "reflection",
          "GridSample has padding_mode \"", padding, "\", expected zeros, border or reflection");
  attrs.set("mode", mode);
  attrs.set("padding_mode", padding);
  attrs.set("align_corners", std::int64_t{attrs.get_int("align_corners", 0) != 0});
  const Shape& x = c.shape(x_input);
  const Shape& grid = c.shape(grid_input);
  c.check(x.rank() >= 3 && grid.rank() == x.rank(), "GridSample of ", x, " by a grid ", grid,
          ", expected [N, C, ...] and [N, ..., ", x.rank() - 2, "]");
  TEMPER_CHECK(x.rank() <= 5, ErrorCode::kUnsupported, "GridSample of more than 3 dimensions: ", x);
  c.check(grid[0] == x[0] && grid[grid.rank() - 1] == x.rank() - 2, "GridSample of ", x,
          " by a grid ", grid);
  c.check(c.dtype(x_input) == c.dtype(grid_input) && is_float(c.dtype(x_input)),
          "GridSample samples floats by floats of one type, not ", c.dtype(x_input), " by ",
          c.dtype(grid_input));
  for (int i = 2; i < x.rank(); ++i) {
    c.check(x[i] > 0, "GridSample of no elements: ", x);
  }
}

Shape sampled_shape(const Shape& x, const Shape& grid) {
  Shape y{x[0], x[1]};
  for (int i = 1; i + 1 < grid.rank(); ++i) {
    y.push_back(grid[i]);
  }
  return y;
}

void infer_grid_sample(InferContext& c) {
  check_sampled(c, 0, 1);
  c.set_output(0, c.dtype(0), sampled_shape(c.shape(0), c.shape(1)));
}

// x, grid, dy -> dx, dgrid
void infer_grid_sample_grad(InferContext& c) {
  check_sampled(c, 0, 1);
  const Shape expected = sampled_shape(c.shape(0), c.shape(1));
  c.check(c.shape(2) == expected, "GridSampleGrad got ", c.shape(2), ", expected ", expected);
  c.require_same_dtype({0, 1, 2});
  c.set_output(0, c.dtype(0), c.shape(0));
  c.set_output(1, c.dtype(0), c.shape(1));
}

std::vector<ValueId> expand_grid_sample(Builder& b, const Node& node,
                                        const std::vector<ValueId>& inputs) {
  return {SampledPlaces(b, node.attrs, inputs[0], inputs[1]).sampled()};
}

// y[p] = sum over t of w_t(grid[p]) x[t];  dx[t] += w_t dy[p],
// dgrid[p] = sum over t of w_t'(grid[p]) x[t] dy[p], summed over the channels
void grid_sample_gradient(GradContext& g) {
  const std::vector<ValueId> made = g.builder().ops("GridSampleGrad", {g.x(0), g.x(1), g.dy()}, 2,
                                                    g.attrs(), {g.needs(0), g.needs(1)});
  for (const int i : {0, 1}) {
    if (g.needs(i)) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
}

int batch_of_grid_sample(const BatchContext& c) {
  c.check(c.axis(0) == 0 && c.axis(1) == 0, "samples by a grid that is not each sample's own");
  return 0;
}

// The names of opset 16.
void upgrade_grid_sample(NodeDraft& d) {
  const std::string mode = d.attrs.get_string("mode", "linear");
  if (mode == "bilinear" || mode == "bicubic") {
    d.attrs.set("mode", mode.substr(2));
  }
}

// theta [N, r, r + 1], size [N, C, d...] with r dimensions d -> [N, d..., r]
void infer_affine_grid(InferContext& c) {
  c.attrs().set("align_corners", std::int64_t{c.attrs().get_int("align_corners", 0) != 0});
  const auto size = c.take_ints("size", 1);
  c.check(size.has_value() && (size->size() == 4 || size->size() == 5), "AffineGrid has a size of ",
          size ? size->size() : 0, " numbers, expected 4 or 5");
  const Shape& theta = c.shape(0);
  const auto rank = static_cast<std::int64_t>(size->size()) - 2;
  c.check(theta == Shape({size->front(), rank, rank + 1}), "AffineGrid has maps ", theta,
          " for the size [", join(*size, ","), "]");
  c.check(is_float(c.dtype(0)), "AffineGrid maps by floats, not ", c.dtype(0));
  Shape y{theta[0]};
  for (std::size_t i = 2; i < size->size(); ++i) {
    c.check((*size)[i] >= 0, "AffineGrid has the size [", join(*size, ","), "]");
    y.push_back((*size)[i]);
  }
  y.push_back(rank);
  c.set_output(0, c.dtype(0), y);
}

// y[n, p] = theta[n] (b[p], 1) with b the regular grid;  dtheta[n] = sum over p of dy[n, p] (b[p],
// 1)^T, where b is the grid of the map that changes nothing
void affine_grid_gradient(GradContext& g) {
  if (!g.needs(0)) {
    return;
  }
  Builder& b = g.builder();
  const Shape y = g.shape(g.y());
  const std::int64_t rank = y[y.rank() - 1];
  const std::int64_t places = y.count(1, y.rank() - 1);
  const DType dtype = g.dtype(g.dy());
  std::vector<double> same(static_cast<std::size_t>(rank * (rank + 1)), 0.0);
  for (std::int64_t i = 0; i < rank; ++i) {
    same[static_cast<std::size_t>(i * (rank + 1) + i)] = 1;
  }
  const ValueId identity =
      b.graph().add_constant({}, Tensor::from<double>(dtype, {1, rank, rank + 1}, same));
  Attrs attrs = g.attrs();
  Ints size = attrs.get_ints("size");
  size.front() = 1;
  attrs.set("size", size);
  const ValueId base = b.reshape(b.op("AffineGrid", {identity}, std::move(attrs)), {places, rank});
  const ValueId ones = b.expand(b.scalar(dtype, 1), {places, 1});
  const ValueId places_and_one = b.op("Concat", {base, ones}, {{"axis", std::int64_t{1}}});
  const ValueId dy = b.transpose(b.reshape(g.dy(), {y[0], places, rank}), {0, 2, 1});
  g.set(0, b.op("MatMul", {dy, places_and_one}));
}

int batch_of_affine_grid(const BatchContext& c) {
  c.check(c.data_axis() == 0, "takes the batch as maps");
  return 0;
}

void rebatch_affine_grid(RebatchContext& c) {
  Ints size = c.old_node().attrs.get_ints("size");
  size.front() = c.scaled(c.old_output())[0];
  c.set_resolved(
      {{"size", size}, {"align_corners", c.old_node().attrs.get_int("align_corners", 0)}});
}

}  // namespace

void register_grid_sample(OpRegistry& ops) {
  ops.add("GridSample")
      .upgrade(upgrade_grid_sample)
      .batch(batch_of_grid_sample)
      .inputs(2, 2)
      .infer(infer_grid_sample)
      .gradient(grid_sample_gradient)
      .gradient_op("GridSampleGrad")
      .expands(expand_grid_sample);
  ops.add("GridSampleGrad")
      .inputs(3, 3)
      .outputs(2, 2)
      .internal()
      .infer(infer_grid_sample_grad)
      .backward_of("GridSample");
  ops.add("AffineGrid")
      .batch(batch_of_affine_grid)
      .rebatch(rebatch_affine_grid)
      .inputs(1, 2)
      .absorbs({1})
      .infer(infer_affine_grid)
      .gradient(affine_grid_gradient);
}

}  // namespace temper::graph
