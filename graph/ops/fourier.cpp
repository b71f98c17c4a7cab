// DFT: the discrete Fourier transform along one axis, real numbers or pairs (real, imaginary) along
// the last. STFT: that of windowed frames of a signal.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

bool flag(InferContext& c, const char* name, std::int64_t fallback) {
  const bool value = c.attrs().get_int(name, fallback) != 0;
  c.attrs().set(name, std::int64_t{value});
  return value;
}

std::int64_t whole(InferContext& c, const char* name, double number) {
  c.check(number >= 1 && number < 0x1p53, name, " is ", number, ", expected 1 or more");
  const auto value = static_cast<std::int64_t>(number);
  c.attrs().set(name, value);
  return value;
}

// x [.., n, .., 1 or 2] -> y [.., o, .., 2]; the inverse of one side gives real numbers.
Shape dft_output(InferContext& c, const Shape& x) {
  Attrs& attrs = c.attrs();
  const bool inverse = flag(c, "inverse", 0);
  const bool onesided = flag(c, "onesided", 0);
  const auto given_axis = c.take_number("axis", 2);
  const int rank = x.rank();
  c.check(rank >= 2 && (x[rank - 1] == 1 || x[rank - 1] == 2), "DFT of ", x,
          ", expected the last dimension to be 1 (real) or 2 (complex)");
  const double wanted = given_axis.value_or(-2);
  c.check(wanted >= -rank && wanted < rank, "axis ", wanted, " is out of range for rank ", rank);
  const std::int64_t axis = c.normalise_axis(static_cast<std::int64_t>(wanted), rank);
  c.check(axis != rank - 1, "DFT along the parts of complex numbers");
  attrs.set("axis", axis);
  const std::int64_t n = x[static_cast<int>(axis)];
  const auto length = c.take_number("dft_length", 1);
  const bool to_real = inverse && onesided;
  c.check(!to_real || x[rank - 1] == 2, "the inverse DFT of one side takes complex numbers, not ",
          x);
  const std::int64_t made =
      whole(c, "dft_length", length.value_or(static_cast<double>(to_real ? 2 * (n - 1) : n)));
  Shape y = x;
  y[static_cast<int>(axis)] = onesided && !inverse ? made / 2 + 1 : made;
  y[rank - 1] = to_real ? 1 : 2;
  return y;
}

void infer_dft(InferContext& c) {
  c.check(is_float(c.dtype(0)), "DFT of ", c.dtype(0));
  const Shape x = c.shape(0);
  c.set_output(0, c.dtype(0), dft_output(c, x));
}

void infer_dft_grad(InferContext& c) {
  const Shape x(c.attrs().get_ints("input_shape"));
  const Shape expected = dft_output(c, x);
  c.check(c.shape(0) == expected, "DFTGrad got ", c.shape(0), ", expected ", expected);
  c.set_output(0, c.dtype(0), x);
}

// y = F x;  dx = F^T dy
void dft_gradient(GradContext& g) {
  if (g.needs(0)) {
    const Shape x = g.shape(g.x(0));
    Attrs attrs = g.attrs();
    attrs.set("input_shape", Ints(x.begin(), x.end()));
    g.set(0, g.builder().op("DFTGrad", {g.dy()}, std::move(attrs)));
  }
}

// dx = F^T dy;  with the gradient e of dx, d(dy) = F e
void dft_grad_gradient(GradContext& g) {
  if (g.needs(0)) {
    Attrs attrs = g.attrs();
    attrs.erase("input_shape");
    g.set(0, g.builder().op("DFT", {g.dy()}, std::move(attrs)));
  }
}

int batch_of_dft(const BatchContext& c) {
  const int at = c.data_axis();
  c.check(at != c.number("axis") && at + 1 < c.shape(0).rank(), "transforms along the batch");
  return at;
}

// Until opset 19 the axis is an attribute.
void upgrade_dft(NodeDraft& d) {
  if (d.opset < 20) {
    d.attrs.set("axis", d.attrs.get_int("axis", 1));
  } else {
    d.attrs.erase("axis");
  }
  d.attrs.erase("dft_length");
}

// signal [N, L] or [N, L, 1 or 2], window [frame_length] -> [N, frames, bins, 2]
void infer_stft(InferContext& c) {
  const Shape x = c.shape(0);
  c.check(is_float(c.dtype(0)) && (x.rank() == 2 || (x.rank() == 3 && (x[2] == 1 || x[2] == 2))),
          "STFT of ", c.dtype(0), " ", x, ", expected [N, length, 1 (real) or 2 (complex)]");
  c.require_same_dtype({0, 2});
  const auto step = c.take_number("frame_step", 1);
  c.check(step.has_value(), "STFT has no frame_step");
  const std::int64_t stride = whole(c, "frame_step", *step);
  const auto asked = c.take_number("frame_length", 3);
  const std::int64_t length = whole(
      c, "frame_length",
      asked.value_or(static_cast<double>(c.has_input(2) ? c.shape(2).element_count() : x[1])));
  if (c.has_input(2)) {
    TEMPER_CHECK(c.shape(2) == Shape{length}, ErrorCode::kUnsupported, "STFT with a window ",
                 c.shape(2), " of other than the frame's length ", length);
  }
  c.check(length <= x[1], "STFT by frames of ", length, " of a signal ", x);
  const bool onesided = flag(c, "onesided", 1);
  c.set_output(0, c.dtype(0),
               {x[0], (x[1] - length) / stride + 1, onesided ? length / 2 + 1 : length, 2});
}

// y = DFT(window x[frames])
std::vector<ValueId> expand_stft(Builder& b, const Node& node, const std::vector<ValueId>& inputs) {
  const Shape x = b.shape(inputs[0]);
  const std::int64_t length = node.attrs.get_int("frame_length", 1);
  const std::int64_t frames = b.shape(node.outputs[0])[1];
  const auto number = [&](std::int64_t value) {
    return b.scalar(DType::kInt64, static_cast<double>(value));
  };
  const auto counting = [&](std::int64_t count, const Shape& shape) {
    return b.reshape(b.op("Range", {number(0), number(count), number(1)}), shape);
  };
  const ValueId starts =
      b.mul(counting(frames, {frames, 1}), number(node.attrs.get_int("frame_step", 1)));
  const ValueId places = b.add(starts, counting(length, {1, length}));
  const ValueId signal = b.reshape(inputs[0], {x[0], x[1], x.rank() == 3 ? x[2] : 1});
  ValueId framed = b.op("Gather", {signal, places}, {{"axis", std::int64_t{1}}});
  if (inputs.size() > 2 && inputs[2].valid()) {
    framed = b.mul(framed, b.reshape(inputs[2], {length, 1}));
  }
  return {b.op("DFT", {framed},
               {{"axis", std::int64_t{2}}, {"onesided", node.attrs.get_int("onesided", 1)}})};
}

int batch_of_stft(const BatchContext& c) {
  c.check(c.data_axis() == 0, "transforms along the batch");
  return 0;
}

}  // namespace

void register_fourier(OpRegistry& ops) {
  ops.add("DFT")
      .upgrade(upgrade_dft)
      .batch(batch_of_dft)
      .inputs(1, 3)
      .absorbs({1, 2})
      .precision(PrecisionClass::kFloat32)
      .infer(infer_dft)
      .gradient(dft_gradient);
  ops.add("DFTGrad")
      .internal()
      .precision(PrecisionClass::kFloat32)
      .infer(infer_dft_grad)
      .gradient(dft_grad_gradient);
  ops.add("STFT")
      .batch(batch_of_stft)
      .inputs(1, 4)
      .absorbs({1, 3})
      .precision(PrecisionClass::kFloat32)
      .infer(infer_stft)
      .expands(expand_stft)
      .expanded_in_plans();
}

}  // namespace temper::graph
