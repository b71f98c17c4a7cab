// Expand (broadcast to a shape) and Tile (whole copies along each axis).
#include "graph/ir/batch_context.h"
#include "graph/ir/broadcast.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// `shape` becomes the output's shape: ONNX broadcasts both ways.
void infer_expand(InferContext& c) {
  const auto asked = c.take_ints("shape", 1);
  c.check(asked.has_value(), "Expand has no shape");
  for (const std::int64_t dim : *asked) {
    c.check(dim >= 0, "Expand to [", join(*asked, ","), "]: ", dim, " is no dimension");
  }
  const Shape output = broadcast(c.shape(0), Shape(*asked));
  c.attrs().set("shape", std::vector<std::int64_t>(output.begin(), output.end()));
  c.set_output(0, c.dtype(0), output);
}

// dx = dy, summed over the broadcast axes by the gradient driver
void expand_gradient(GradContext& g) { g.set(0, g.dy()); }

void infer_tile(InferContext& c) {
  Shape output = c.shape(0);
  const auto repeats = c.take_ints("repeats", 1);
  c.check(repeats.has_value(), "Tile has no repeats");
  c.check(static_cast<int>(repeats->size()) == output.rank(), "Tile repeats [", join(*repeats, ","),
          "] need one number per axis of ", output);
  for (int axis = 0; axis < output.rank(); ++axis) {
    const std::int64_t count = (*repeats)[static_cast<std::size_t>(axis)];
    c.check(count >= 0, "Tile repeats axis ", axis, " ", count, " times");
    output[axis] = checked_multiply(output[axis], count, "Tile's output dimension");
  }
  c.set_output(0, c.dtype(0), output);
}

// dx[i] = sum of dy over the copies of element i: axis after axis, as [outer, copies, rest] summed
// over copies
void tile_gradient(GradContext& g) {
  const Shape data = g.shape(g.x(0));
  const Shape tiled = g.shape(g.y());
  const std::vector<std::int64_t> repeats = g.attrs().get_ints("repeats");
  ValueId dx = g.dy();
  std::int64_t outer = 1;
  for (int axis = 0; axis < data.rank(); ++axis) {
    const std::int64_t copies = repeats[static_cast<std::size_t>(axis)];
    if (copies != 1) {
      std::int64_t rest = data[axis];
      for (int a = axis + 1; a < data.rank(); ++a) {
        rest = checked_multiply(rest, tiled[a], "Tile's output");
      }
      dx = g.builder().reduce_sum(g.builder().reshape(dx, {outer, copies, rest}), {1}, false);
    }
    outer *= data[axis];
  }
  g.set(0, g.builder().reshape(dx, data));
}

void rebatch_expand(RebatchContext& c) {
  if (c.has_fixed_target()) {
    const Shape target = c.scaled(c.old_output());
    c.set_resolved({{"shape", std::vector<std::int64_t>(target.begin(), target.end())}});
  }
}

int batch_of_tile(const BatchContext& c) {
  const int at = c.data_axis();
  c.check(c.ints("repeats")[static_cast<std::size_t>(at)] == 1, "repeats the batch");
  return at;
}

}  // namespace

void register_expand_tile(OpRegistry& ops) {
  ops.add("Expand")
      .batch(batch_elementwise)
      .rebatch(rebatch_expand)
      .moves(Movement::kBroadcast)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "shape", InputForm::kIntegers)
      .infer(infer_expand)
      .gradient(expand_gradient);
  ops.add("Tile")
      .moves(Movement::kBroadcast)
      .batch(batch_of_tile)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "repeats", InputForm::kIntegers)
      .infer(infer_tile)
      .gradient(tile_gradient);
}

}  // namespace temper::graph
