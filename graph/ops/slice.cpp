// Slice, Python's x[start:end:step] per axis, and its gradient's SliceGrad.
#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

struct AxisRange {
  std::int64_t start = 0;
  std::int64_t end = 0;
  std::int64_t step = 1;
  std::int64_t count = 0;
};

// Python's slice.indices(dim). A range of at most one element gets step 1. The end of a range that
// runs down to element 0 is written -dim - 1, not -1: the attributes then mean the same when they
// are read again.
AxisRange resolve(std::int64_t start, std::int64_t end, std::int64_t step, std::int64_t dim) {
  const auto clamp = [dim](std::int64_t v, std::int64_t low, std::int64_t high) {
    return std::clamp(v < 0 ? v + dim : v, low, high);
  };
  AxisRange range;
  if (step > 0) {
    range.start = clamp(start, 0, dim);
    range.end = clamp(end, 0, dim);
    range.count = range.end > range.start ? (range.end - range.start - 1) / step + 1 : 0;
  } else {
    const std::int64_t down = -std::max(step, -std::numeric_limits<std::int64_t>::max());
    range.start = clamp(start, -1, dim - 1);
    range.end = clamp(end, -1, dim - 1);
    range.count = range.start > range.end ? (range.start - range.end - 1) / down + 1 : 0;
  }
  range.step = step;
  if (range.count == 0) {
    range.start = 0;
  }
  if (range.count <= 1) {
    range.step = 1;
    range.end = range.start + range.count;
  } else if (range.end < 0) {
    range.end = -dim - 1;
  }
  return range;
}

// The part of `input` the attributes name; rewrites them resolved, one entry per sliced axis.
Shape resolve_attributes(InferContext& c, const Shape& input) {
  std::vector<std::int64_t> starts = c.attrs().get_ints("starts");
  std::vector<std::int64_t> ends = c.attrs().get_ints("ends");
  const std::size_t count = starts.size();
  std::vector<std::int64_t> axes(count);
  std::iota(axes.begin(), axes.end(), 0);
  axes = c.attrs().get_ints("axes", axes);
  std::vector<std::int64_t> steps =
      c.attrs().get_ints("steps", std::vector<std::int64_t>(count, 1));
  c.check(ends.size() == count && axes.size() == count && steps.size() == count, "Slice has ",
          count, " starts, ", ends.size(), " ends, ", axes.size(), " axes and ", steps.size(),
          " steps");
  c.normalise_axes(axes, input.rank());
  Shape output = input;
  for (std::size_t i = 0; i < count; ++i) {
    axes[i] = c.normalise_axis(axes[i], input.rank());
    c.check(steps[i] != 0, "Slice of axis ", axes[i], " has step 0");
    const int axis = static_cast<int>(axes[i]);
    const AxisRange range = resolve(starts[i], ends[i], steps[i], input[axis]);
    starts[i] = range.start;
    ends[i] = range.end;
    steps[i] = range.step;
    output[axis] = range.count;
  }
  c.attrs().set("starts", starts);
  c.attrs().set("ends", ends);
  c.attrs().set("axes", axes);
  c.attrs().set("steps", steps);
  return output;
}

void infer_slice(InferContext& c) {
  const Shape input = c.shape(0);
  c.check(c.take_ints("starts", 1).has_value(), "Slice has no starts");
  c.check(c.take_ints("ends", 2).has_value(), "Slice has no ends");
  c.take_ints("axes", 3);
  c.take_ints("steps", 4);
  const Shape output = resolve_attributes(c, input);
  c.set_output(0, c.dtype(0), output);
}

void infer_slice_grad(InferContext& c) {
  const Shape data(c.attrs().get_ints("data_shape"));
  const Shape part = resolve_attributes(c, data);
  c.check(part == c.shape(0), "SliceGrad got ", c.shape(0), ", expected ", part);
  c.set_output(0, c.dtype(0), data);
}

// y = x[slice];  dx = zeros, dx[slice] = dy
void slice_gradient(GradContext& g) {
  const Shape& data = g.shape(g.x(0));
  Attrs attrs = g.attrs();
  attrs.set("data_shape", std::vector<std::int64_t>(data.begin(), data.end()));
  g.set(0, g.builder().op("SliceGrad", {g.dy()}, std::move(attrs)));
}

// y = zeros, y[slice] = x;  dx = dy[slice]
void slice_grad_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.erase("data_shape");
  g.set(0, g.builder().op("Slice", {g.dy()}, std::move(attrs)));
}

// Along each axis in turn: zeros around a part without gaps, and elements put at their places in
// zeros otherwise.
std::vector<ValueId> write_slice_grad(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  const Shape data(node.attrs.get_ints("data_shape"));
  const std::vector<std::int64_t> axes = node.attrs.get_ints("axes");
  const std::vector<std::int64_t> starts = node.attrs.get_ints("starts");
  const std::vector<std::int64_t> steps = node.attrs.get_ints("steps");
  ValueId dx = inputs[0];
  std::vector<std::int64_t> pads(static_cast<std::size_t>(2 * data.rank()), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = static_cast<int>(axes[i]);
    const Shape part = b.shape(dx);
    if (steps[i] == 1) {
      const auto begin = static_cast<std::size_t>(axis);
      pads[begin] = starts[i];
      pads[begin + static_cast<std::size_t>(data.rank())] = data[axis] - starts[i] - part[axis];
      continue;
    }
    Tensor places(DType::kInt64, {part[axis]});
    for (std::int64_t k = 0; k < part[axis]; ++k) {
      places.span<std::int64_t>()[static_cast<std::size_t>(k)] = starts[i] + k * steps[i];
    }
    Shape column(std::vector<std::int64_t>(static_cast<std::size_t>(data.rank()), 1));
    column[axis] = part[axis];
    const ValueId at = b.expand(b.reshape(b.graph().add_constant("", places), column), part);
    Shape whole = part;
    whole[axis] = data[axis];
    dx = b.op("ScatterElements", {b.expand(b.scalar(b.dtype(dx), 0), whole), at, dx},
              {{"axis", axes[i]}});
  }
  const bool is_padded =
      std::any_of(pads.begin(), pads.end(), [](std::int64_t p) { return p != 0; });
  return {is_padded ? b.op("Pad", {dx}, {{"pads", pads}}) : dx};
}

bool takes_whole_axis(const Attrs& slice, int axis, std::int64_t dim) {
  const std::vector<std::int64_t> axes = slice.get_ints("axes");
  const auto found = std::find(axes.begin(), axes.end(), axis);
  if (found == axes.end()) {
    return true;
  }
  const auto i = static_cast<std::size_t>(found - axes.begin());
  return slice.get_ints("starts")[i] == 0 && slice.get_ints("steps")[i] == 1 &&
         slice.get_ints("ends")[i] == dim;
}

int batch_of_slice(const BatchContext& c) {
  const int at = c.data_axis();
  c.check(takes_whole_axis(c.node().attrs, at, c.shape(0)[at]), "takes a part of the batch");
  return at;
}

// All of the batch was taken by its number: its axis is no longer sliced.
void rebatch_slice(RebatchContext& c) {
  const Attrs& attrs = c.old_node().attrs;
  const std::vector<std::int64_t> axes = attrs.get_ints("axes");
  Attrs made;
  for (const char* name : {"starts", "ends", "axes", "steps"}) {
    std::vector<std::int64_t> kept;
    const std::vector<std::int64_t> all = attrs.get_ints(name);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if (axes[i] != c.output_axis()) {
        kept.push_back(all[i]);
      }
    }
    made.set(name, std::move(kept));
  }
  c.set_resolved(made);
}

// Opsets before 10 have attributes only, and their `axes` default to the first ones, as later.
void upgrade_slice(NodeDraft& d) {
  if (d.opset < 10) {
    TEMPER_CHECK(d.attrs.has("starts") && d.attrs.has("ends"), ErrorCode::kInvalidModel, d.origin,
                 " has no starts or no ends");
  }
}

}  // namespace

void register_slice(OpRegistry& ops) {
  ops.add("Slice")
      .upgrade(upgrade_slice)
      .batch(batch_of_slice)
      .rebatch(rebatch_slice)
      .moves(Movement::kPart)
      .inputs(1, 5)
      .absorbs({1, 2, 3, 4})
      .writes(1, "starts", InputForm::kIntegers)
      .writes(2, "ends", InputForm::kIntegers)
      .writes(3, "axes", InputForm::kIntegers)
      .writes(4, "steps", InputForm::kIntegers)
      .infer(infer_slice)
      .gradient(slice_gradient);
  ops.add("SliceGrad")
      .internal()
      .infer(infer_slice_grad)
      .gradient(slice_grad_gradient)
      .standard(write_slice_grad);
}

}  // namespace temper::graph
