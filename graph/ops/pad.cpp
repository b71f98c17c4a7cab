// Pad: constant, reflect, edge or wrap around each axis; negative pads crop. A crop comes before
// the padding, so reflect, edge and wrap repeat what is left.
#include <algorithm>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// pads over all axes: begins, then ends.
std::vector<std::int64_t> pads_of_all_axes(InferContext& c, int rank) {
  const auto pads = c.take_ints("pads", 1);
  c.check(pads.has_value(), "Pad has no pads");
  std::vector<std::int64_t> axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  axes = c.take_ints("axes", 3).value_or(axes);
  c.check(pads->size() == 2 * axes.size(), "Pad has ", pads->size(), " pads for ", axes.size(),
          " axes, expected a begin and an end for each");
  c.normalise_axes(axes, rank);
  std::vector<std::int64_t> all(static_cast<std::size_t>(2 * rank), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<std::size_t>(c.normalise_axis(axes[i], rank));
    all[axis] = (*pads)[i];
    all[axis + static_cast<std::size_t>(rank)] = (*pads)[i + axes.size()];
  }
  return all;
}

Shape padded_shape(InferContext& c, const Shape& input, const std::vector<std::int64_t>& pads,
                   const std::string& mode) {
  Shape output;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + input.rank())];
    constexpr std::int64_t kLimit = std::int64_t{1} << 60;
    c.check(std::max(begin, end) < kLimit && std::min(begin, end) > -kLimit && input[axis] < kLimit,
            "Pad of axis ", axis, " by ", begin, " and ", end, " overflows");
    const std::int64_t crop_begin = std::max<std::int64_t>(-begin, 0);
    const std::int64_t crop_end = std::max<std::int64_t>(-end, 0);
    c.check(crop_begin + crop_end <= input[axis], "Pad of axis ", axis, " crops ", crop_begin,
            " and ", crop_end, " of ", input[axis], " elements");
    c.check(mode == "constant" || crop_begin + crop_end < input[axis] || (begin <= 0 && end <= 0),
            "Pad with mode ", mode, " of axis ", axis, ", which has no elements to repeat");
    output.push_back(input[axis] + begin + end);
  }
  return output;
}

void check_mode(InferContext& c, const std::string& mode) {
  c.check(mode == "constant" || mode == "reflect" || mode == "edge" || mode == "wrap",
          "Pad has mode '", mode, "', expected constant, reflect, edge or wrap");
}

void infer_pad(InferContext& c) {
  const Shape input = c.shape(0);
  const std::string mode = c.attrs().get_string("mode", "constant");
  check_mode(c, mode);
  const std::vector<std::int64_t> pads = pads_of_all_axes(c, input.rank());
  c.attrs().set("mode", mode);
  c.attrs().set("pads", pads);
  c.attrs().erase("axes");
  c.attrs().set("value", c.take_number("value", 2).value_or(0.0));
  c.set_output(0, c.dtype(0), padded_shape(c, input, pads, mode));
}

void infer_pad_grad(InferContext& c) {
  const Shape input(c.attrs().get_ints("input_shape"));
  const std::vector<std::int64_t> pads = c.attrs().get_ints("pads");
  const std::string mode = c.attrs().get_string("mode", "constant");
  check_mode(c, mode);
  c.check(static_cast<int>(pads.size()) == 2 * input.rank(), "PadGrad has ", pads.size(),
          " pads for ", input);
  const Shape expected = padded_shape(c, input, pads, mode);
  c.check(c.shape(0) == expected, "PadGrad got ", c.shape(0), ", expected ", expected);
  c.set_output(0, c.dtype(0), input);
}

// y = x between constants;  dx = the middle of dy, zero where x was cropped
// y[i] = x[source(i)];      dx[j] = sum of dy[i] over source(i) = j
void pad_gradient(GradContext& g) {
  const Shape input = g.shape(g.x(0));
  const auto rank = static_cast<std::size_t>(input.rank());
  std::vector<std::int64_t> pads = g.attrs().get_ints("pads");
  const std::string mode = g.attrs().get_string("mode", "constant");
  if (mode != "constant") {
    g.set(0,
          g.builder().op("PadGrad", {g.dy()},
                         {{"pads", pads},
                          {"mode", mode},
                          {"input_shape", std::vector<std::int64_t>(input.begin(), input.end())}}));
    return;
  }
  if (std::any_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad < 0; })) {
    std::transform(pads.begin(), pads.end(), pads.begin(), std::negate<>());
    g.set(0, g.builder().op("Pad", {g.dy()}, {{"pads", pads}, {"mode", mode}}));
    return;
  }
  std::vector<std::int64_t> starts, ends, axes;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (pads[axis] != 0 || pads[axis + rank] != 0) {
      starts.push_back(pads[axis]);
      ends.push_back(pads[axis] + input[static_cast<int>(axis)]);
      axes.push_back(static_cast<std::int64_t>(axis));
    }
  }
  g.set(0, g.builder().op("Slice", {g.dy()}, {{"starts", starts}, {"ends", ends}, {"axes", axes}}));
}

// y[source(i)] += x[i];  dx[i] = dy[source(i)]
void pad_grad_gradient(GradContext& g) {
  Attrs attrs = g.attrs();
  attrs.erase("input_shape");
  g.set(0, g.builder().op("Pad", {g.dy()}, std::move(attrs)));
}

int batch_of_pad(const BatchContext& c) {
  const int at = c.data_axis();
  const std::vector<std::int64_t> pads = c.ints("pads");
  const auto begin = static_cast<std::size_t>(at);
  c.check(pads[begin] == 0 && pads[begin + static_cast<std::size_t>(c.shape(0).rank())] == 0,
          "pads or crops the batch");
  return at;
}

void upgrade_pad(NodeDraft& d) {
  if (d.opset >= 11) {
    for (const char* name : {"pads", "value", "axes"}) {
      d.attrs.erase(name);
    }
  }
}

}  // namespace

void register_pad(OpRegistry& ops) {
  ops.add("Pad")
      .takes_narrow()
      .upgrade(upgrade_pad)
      .batch(batch_of_pad)
      .inputs(1, 4)
      .absorbs({1, 2, 3})
      .writes(1, "pads", InputForm::kIntegers)
      .writes(2, "value", InputForm::kNumber)
      .infer(infer_pad)
      .gradient(pad_gradient);
  ops.add("PadGrad").internal().infer(infer_pad_grad).gradient(pad_grad_gradient);
}

}  // namespace temper::graph
