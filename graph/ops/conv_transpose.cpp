// ConvTranspose over one to three spatial dimensions: the transpose of Conv as a linear map, plus a
// bias. Its gradient is that of its expansion, and so is its kernel on the fast backends.
#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/product_work.h"
#include "runtime/base/window.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

Ints to_ints(const Shape& shape) { return {shape.begin(), shape.end()}; }

Ints list_of(InferContext& c, const char* name, std::size_t rank, std::int64_t fallback) {
  const Ints list = c.attrs().get_ints(name, Ints(rank, fallback));
  c.check(list.size() == rank, name, " has ", list.size(), " entries, expected ", rank);
  return list;
}

// Pads that make the output `wanted` positions long where it would have `full` without any; the odd
// one goes to the end for SAME_UPPER, else to the beginning. Positions that are missing are added
// behind (output_padding).
void pad_to(std::int64_t full, std::int64_t wanted, bool odd_at_end, std::int64_t& begin,
            std::int64_t& end, std::int64_t& output_padding) {
  const std::int64_t total = full - wanted;
  begin = std::max<std::int64_t>(odd_at_end ? total / 2 : total - total / 2, 0);
  end = std::max<std::int64_t>(total - begin, 0);
  output_padding += std::max<std::int64_t>(-total, 0);
}

// x [N, C, d...], w [C, M / group, k...], b [M] -> y [N, M, o...] with
// o = stride (d - 1) + output_padding + (k - 1) dilation + 1 - pads
Shape output_shape(InferContext& c) {
  const Shape& x = c.shape(0);
  const Shape& w = c.shape(1);
  spatial_dims(x);
  c.check(w.rank() == x.rank(), "the weights have the shape ", w, ", but the input is ", x);
  Attrs& attrs = c.attrs();
  const std::int64_t group = attrs.get_int("group", 1);
  attrs.set("group", group);
  c.check(group > 0, "group is ", group, ", expected 1 or more");
  c.check(x[1] == w[0] && x[1] % group == 0, "the input ", x, " has ", x[1],
          " channels, but the weights ", w, " take ", w[0], " in ", group, " group(s)");
  const auto rank = static_cast<std::size_t>(x.rank() - 2);
  const std::string auto_pad = attrs.get_string("auto_pad", "NOTSET");
  const bool same = auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER";
  if (same) {
    attrs.erase("auto_pad");
  }
  const Window window = normalise_window(attrs, w.dims().subspan(2), spatial_dims(x));
  const Ints strides = list_of(c, "strides", rank, 1);
  const Ints wanted = attrs.get_ints("output_shape");
  c.check(wanted.empty() || wanted.size() == rank, "output_shape is [", join(wanted, ","),
          "], expected the ", rank, " spatial dimension(s)");
  Ints pads = attrs.get_ints("pads");
  Ints extra = list_of(c, "output_padding", rank, 0);
  Shape y{x[0], w[1] * group};
  for (std::size_t i = 0; i < rank; ++i) {
    const std::int64_t d = x[static_cast<int>(i) + 2];
    const std::int64_t extent = window.extent(static_cast<int>(i + kMaxSpatialRank - rank));
    const std::int64_t full =
        checked_multiply(strides[i], d - 1, "ConvTranspose's output") + extra[i] + extent;
    if (same || !wanted.empty()) {
      pad_to(full,
             wanted.empty() ? checked_multiply(strides[i], d, "ConvTranspose's output") : wanted[i],
             auto_pad == "SAME_UPPER", pads[i], pads[rank + i], extra[i]);
    }
    c.check(extra[i] >= 0 && extra[i] < strides[i], "output_padding is ", extra[i],
            " along spatial dimension ", i, ", expected less than the stride ", strides[i]);
    y.push_back(strides[i] * (d - 1) + extra[i] + extent - pads[i] - pads[rank + i]);
    c.check(d > 0 && y[y.rank() - 1] > 0, "nothing is left of spatial dimension ", i,
            " of the output for the input ", x);
  }
  attrs.erase("output_shape");
  attrs.set("pads", pads);
  attrs.set("output_padding", extra);
  return y;
}

void infer_conv_transpose(InferContext& c) {
  c.require_same_dtype({0, 1, 2});
  const Shape y = output_shape(c);
  if (c.has_input(2)) {
    c.check(c.shape(2) == Shape{y[1]}, "the bias has the shape ", c.shape(2), ", expected ",
            Shape{y[1]});
  }
  c.set_output(0, c.dtype(0), y);
}

// y = ConvGradData(w, x) + b: the gradient of a convolution of y's shape by w, whose output is x's.
std::vector<ValueId> expand_conv_transpose(Builder& b, const Node& node,
                                           const std::vector<ValueId>& inputs) {
  const Shape y = b.shape(node.outputs[0]);
  Attrs attrs = node.attrs;
  attrs.erase("output_padding");
  attrs.set("input_shape", to_ints(y));
  ValueId made = b.op("ConvGradData", {inputs[1], inputs[0]}, std::move(attrs));
  if (inputs.size() > 2 && inputs[2].valid()) {
    Shape channel{y[1]};
    for (int axis = 2; axis < y.rank(); ++axis) {
      channel.push_back(1);
    }
    made = b.add(made, b.reshape(inputs[2], channel));
  }
  return {made};
}

double conv_transpose_work(const Graph& graph, const Node& node) {
  return convolution_work(graph, node.inputs[0], node.inputs[1]);
}

}  // namespace

void register_conv_transpose(OpRegistry& ops) {
  ops.add("ConvTranspose")
      .batch(batch_of_images)
      .inputs(2, 3)
      .weight(1, "weight")
      .weight(2, "bias")
      .is_linear(Linear::kConvolution)
      .units_along(1)
      .work(conv_transpose_work)
      .infer(infer_conv_transpose)
      .expands(expand_conv_transpose)
      .expanded_in_plans()
      .precision(PrecisionClass::kLow);
}

}  // namespace temper::graph
