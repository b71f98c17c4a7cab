// DeformConv: a convolution whose taps lie where `offset` moves them, between elements, and count
// as much as `mask` says. Made of gathers and one product, which have its gradients.
#include <cstdint>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ops/conv_rules.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/ops/wide_expansion.h"
#include "runtime/base/window.h"

namespace temper::graph {
namespace {

enum Input { kX, kWeight, kOffset, kBias, kMask };

Shape with_spatial(std::int64_t first, std::int64_t second, const Shape& like) {
  Shape shape{first, second};
  for (int axis = 2; axis < like.rank(); ++axis) {
    shape.push_back(like[axis]);
  }
  return shape;
}

void infer_deform_conv(InferContext& c) {
  require_float(c, kX);
  c.require_same_dtype({kX, kWeight, kOffset, kBias, kMask});
  const Shape x = c.shape(kX), w = c.shape(kWeight);
  const Spatial input = spatial_dims(x);
  c.check(w.rank() == x.rank(), "the weights have the shape ", w, ", but the input is ", x);
  Attrs& attrs = c.attrs();
  const std::int64_t group = attrs.get_int("group", 1);
  const std::int64_t offset_group = attrs.get_int("offset_group", 1);
  c.check(group > 0 && x[1] % group == 0 && w[0] % group == 0 && w[1] == x[1] / group,
          "the weights ", w, " in ", group, " groups do not fit the input ", x);
  c.check(offset_group > 0 && x[1] % offset_group == 0, "offset_group is ", offset_group,
          ", which does not divide the ", x[1], " channels");
  attrs.set("group", group);
  attrs.set("offset_group", offset_group);
  const Window window = window_of_weights(c, input, w);
  const Shape y = shape_with_spatial(x[0], w[0], window_output(window, input, false), window.rank);
  const std::int64_t taps = window.kernel_elements();
  const Shape offset = with_spatial(x[0], offset_group * taps * window.rank, y);
  const Shape mask = with_spatial(x[0], offset_group * taps, y);
  c.check(c.shape(kOffset) == offset, "the offsets have the shape ", c.shape(kOffset),
          ", expected ", offset);
  c.check(!c.has_input(kBias) || c.shape(kBias) == Shape{w[0]}, "the bias has another shape than ",
          Shape{w[0]});
  c.check(!c.has_input(kMask) || c.shape(kMask) == mask, "the mask has another shape than ", mask);
  c.set_output(0, c.dtype(kX), y);
}

// What one node is made of. `taps` are the elements of the kernel, `places` those of the output.
class DeformExpansion {
 public:
  DeformExpansion(Builder& builder, const Node& node, const std::vector<ValueId>& inputs)
      : b_(builder),
        inputs_(inputs),
        x_(b_.shape(inputs[kX])),
        y_(b_.shape(node.outputs[0])),
        window_(read_window(node.attrs)),
        type_(b_.dtype(inputs[kX])),
        groups_(node.attrs.get_int("group", 1)),
        offset_groups_(node.attrs.get_int("offset_group", 1)),
        taps_(window_.kernel_elements()),
        places_(y_.count(2, y_.rank())) {}

  // y[n,m,o] = b[m] + sum_{c,k} w[m,c,k] mask[n,k,o] x[n,c, o stride - pad + k dilation + offset]
  ValueId run() {
    const Shape w = b_.shape(inputs_[kWeight]);
    const std::int64_t channels = x_[1] / groups_;
    const ValueId rows = b_.reshape(inputs_[kWeight], {groups_, w[0] / groups_, channels * taps_});
    const ValueId columns = b_.reshape(sampled(), {x_[0], groups_, channels * taps_, places_});
    ValueId y = b_.reshape(b_.op("MatMul", {rows, columns}), y_);
    if (has(kBias)) {
      Shape channel{w[0]};
      for (int axis = 2; axis < y_.rank(); ++axis) {
        channel.push_back(1);
      }
      y = b_.add(y, b_.reshape(inputs_[kBias], channel));
    }
    return y;
  }

 private:
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  std::int64_t dim(int axis) const { return x_[2 + axis]; }

  // Where the taps lie along one axis without offsets: [1, 1, taps, places].
  ValueId grid(int axis) {
    const auto at = static_cast<std::size_t>(axis + kMaxSpatialRank - window_.rank);
    std::int64_t behind = 1, taps_behind = 1;
    for (int later = axis + 1; later < window_.rank; ++later) {
      behind *= y_[2 + later];
      taps_behind *=
          window_.kernel[static_cast<std::size_t>(later + kMaxSpatialRank - window_.rank)];
    }
    std::vector<double> positions;
    positions.reserve(static_cast<std::size_t>(taps_ * places_));
    for (std::int64_t tap = 0; tap < taps_; ++tap) {
      const std::int64_t k = tap / taps_behind % window_.kernel[at];
      for (std::int64_t place = 0; place < places_; ++place) {
        const std::int64_t o = place / behind % y_[2 + axis];
        positions.push_back(static_cast<double>(o * window_.stride[at] - window_.pad_begin[at] +
                                                k * window_.dilation[at]));
      }
    }
    return b_.graph().add_constant({},
                                   Tensor::from<double>(type_, {1, 1, taps_, places_}, positions));
  }

  // Along one axis: the element in front of each position, and how far the position lies behind it.
  struct Positions {
    ValueId before, rest;
  };

  std::vector<Positions> positions() {
    const int rank = window_.rank;
    const ValueId offsets =
        b_.reshape(inputs_[kOffset], {x_[0], offset_groups_, taps_, rank, places_});
    std::vector<Positions> found;
    for (int axis = 0; axis < rank; ++axis) {
      const ValueId offset =
          b_.reshape(b_.slice(offsets, 3, axis, axis + 1), {x_[0], offset_groups_, taps_, places_});
      const ValueId position = b_.add(offset, grid(axis));
      const ValueId before = b_.op("Floor", {position});
      found.push_back({b_.cast(before, DType::kInt64), b_.sub(position, before)});
    }
    return found;
  }

  ValueId whole(std::int64_t number) {
    return b_.scalar(DType::kInt64, static_cast<double>(number));
  }

  // Linear between the elements around each position; those outside count as 0:
  // [batch, offset groups, channels of one, taps * places].
  ValueId sampled() {
    const std::vector<Positions> at = positions();
    const std::int64_t channels = x_[1] / offset_groups_;
    const Shape flat{x_[0], offset_groups_, channels, x_.count(2, x_.rank())};
    const ValueId x = b_.reshape(inputs_[kX], flat);
    const Shape one{x_[0], offset_groups_, 1, taps_ * places_};
    ValueId mask;
    if (has(kMask)) {
      mask = b_.reshape(inputs_[kMask], {x_[0], offset_groups_, taps_, places_});
    }
    ValueId sum;
    for (int corner = 0; corner < 1 << window_.rank; ++corner) {
      ValueId share = mask, inside, index;
      for (int axis = 0; axis < window_.rank; ++axis) {
        const Positions& along = at[static_cast<std::size_t>(axis)];
        const bool behind = (corner >> axis & 1) != 0;
        const ValueId weight = behind ? along.rest : b_.sub(b_.scalar(type_, 1), along.rest);
        share = share.valid() ? b_.mul(share, weight) : weight;
        const ValueId place = behind ? b_.add(along.before, whole(1)) : along.before;
        const ValueId is_in = b_.op("And", {b_.op("GreaterOrEqual", {place, whole(0)}),
                                            b_.op("Less", {place, whole(dim(axis))})});
        inside = inside.valid() ? b_.op("And", {inside, is_in}) : is_in;
        index = index.valid() ? b_.add(b_.mul(index, whole(dim(axis))), place) : place;
      }
      share = b_.op("Where", {inside, share, b_.scalar(type_, 0)});
      index = b_.op("Where", {inside, index, whole(0)});
      const ValueId expanded =
          b_.expand(b_.reshape(index, one), {x_[0], offset_groups_, channels, taps_ * places_});
      const ValueId picked = b_.op("GatherElements", {x, expanded}, {{"axis", std::int64_t{3}}});
      const ValueId part = b_.mul(picked, b_.reshape(share, one));
      sum = sum.valid() ? b_.add(sum, part) : part;
    }
    return sum;
  }

  Builder& b_;
  const std::vector<ValueId>& inputs_;
  Shape x_, y_;
  Window window_;
  DType type_;
  std::int64_t groups_, offset_groups_, taps_, places_;
};

std::vector<ValueId> expand_deform_conv(Builder& b, const Node& node,
                                        const std::vector<ValueId>& inputs) {
  return {DeformExpansion(b, node, inputs).run()};
}

int batch_of_deform_conv(const BatchContext& c) {
  const bool with_mask = c.input_count() > kMask && c.node().inputs[kMask].valid();
  c.check(c.axis(kX) == BatchAxis{0} && c.axis(kOffset) == BatchAxis{0} &&
              (!with_mask || c.axis(kMask) == BatchAxis{0}) && !c.axis(kWeight),
          "takes the batch along another axis than 0, or offsets that the samples share");
  return 0;
}

}  // namespace

void register_deform_conv(OpRegistry& ops) {
  ops.add("DeformConv")
      .batch(batch_of_deform_conv)
      .inputs(3, 5)
      .weight(kWeight, "weight")
      .weight(kBias, "bias")
      .units_along(1)
      .infer(infer_deform_conv)
      .expands(expand_wide<expand_deform_conv>)
      .expanded_in_plans()
      .precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
