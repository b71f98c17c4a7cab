// Resize: y = A x along each resized axis, where A's rows are the weights of the input elements
// around the place that an output element comes from (nearest, linear or cubic, with antialiasing
// where asked for). The places and weights are the kernel's: backends/reference/kernels/resize.cpp.
// Upsample, its older form, is read as a Resize.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;
using Doubles = std::vector<double>;

// ONNX allows empty tensors for inputs that are not there.
bool is_given(InferContext& c, int i) {
  if (c.has_input(i) && c.shape(i).element_count() == 0) {
    c.drop_input(i);
  }
  return c.has_input(i);
}

// The numbers of constant input `i`, or of the attribute it was turned into.
Doubles take_doubles(InferContext& c, const char* name, int i) {
  if (is_given(c, i)) {
    const Tensor* tensor = c.constant(i);
    TEMPER_CHECK(
        tensor != nullptr, ErrorCode::kUnsupported, "input ", i, " (", name,
        ") is computed from data; only values known when the graph is compiled are supported");
    c.check(tensor->element_count() <= 2 * kMaxRank, "input ", i, " (", name, ") has ",
            tensor->element_count(), " entries");
    c.attrs().set(name, tensor->values<double>());
    c.drop_input(i);
  }
  return c.attrs().get_doubles(name);
}

template <std::size_t N>
std::string choice(InferContext& c, const char* name, const char* fallback,
                   const std::array<const char*, N>& known) {
  const std::string value = c.attrs().get_string(name, fallback);
  c.check(std::find(known.begin(), known.end(), value) != known.end(), "Resize has ", name, " \"",
          value, "\", which ONNX does not define");
  c.attrs().set(name, value);
  return value;
}

// What is asked of one axis.
struct ResizedAxis {
  std::int64_t axis = 0;
  std::int64_t size = 0;
  double scale = 1;
  double start = 0, end = 1;  // the region of tf_crop_and_resize
};

// All sizes of the axes named become one scale's: the smallest or the largest.
void keep_aspect(const Shape& x, const std::string& policy, std::vector<ResizedAxis>& axes) {
  if (policy == "stretch" || axes.empty()) {
    return;
  }
  double scale = axes.front().scale;
  for (const ResizedAxis& one : axes) {
    scale = policy == "not_larger" ? std::min(scale, one.scale) : std::max(scale, one.scale);
  }
  for (ResizedAxis& one : axes) {
    one.scale = scale;
    const auto length = static_cast<double>(x[static_cast<int>(one.axis)]);
    one.size = static_cast<std::int64_t>(std::floor(scale * length + 0.5));
  }
}

void set_size(InferContext& c, const Shape& x, const Ints& sizes, const Doubles& scales,
              std::size_t i, ResizedAxis& one) {
  const std::int64_t length = x[static_cast<int>(one.axis)];
  if (!scales.empty()) {
    one.scale = scales[i];
    c.check(one.scale > 0 && std::isfinite(one.scale), "Resize has the scale ", one.scale);
    // In float, as ONNX's own shape inference: 0.7f of 10 are 7.
    const float size = std::floor(static_cast<float>(length) * static_cast<float>(one.scale));
    c.check(size < 0x1p60F, "Resize by ", one.scale, " of ", length, " elements overflows");
    one.size = static_cast<std::int64_t>(size);
  }
  if (!sizes.empty()) {
    one.size = sizes[i];
    c.check(one.size >= 0, "Resize has the size ", one.size);
    if (scales.empty()) {
      one.scale = length > 0 ? static_cast<double>(one.size) / static_cast<double>(length) : 1;
    } else {
      const double wanted = one.scale * static_cast<double>(length);
      c.check(std::abs(static_cast<double>(one.size) - wanted) <= 1 + 1e-6 * wanted,
              "Resize has the size ", one.size, " and the scale ", one.scale, " for ", length);
    }
  }
  c.check(one.size == 0 || length > 0, "Resize of no elements to ", one.size);
}

std::vector<ResizedAxis> resized_axes(InferContext& c, const Shape& x, bool takes_region) {
  const int rank = x.rank();
  const Doubles scales = take_doubles(c, "scales", 2);
  const Ints sizes = is_given(c, 3) || c.attrs().has("sizes") ? *c.take_ints("sizes", 3) : Ints{};
  Ints all(static_cast<std::size_t>(rank));
  std::iota(all.begin(), all.end(), 0);
  const bool resolved = c.attrs().has("axes");
  const Ints axes = resolved ? c.attrs().get_ints("axes") : all;
  c.normalise_axes(axes, rank);
  const std::size_t count = axes.size();
  c.check(count == 0 || !scales.empty() || !sizes.empty(), "Resize has neither scales nor sizes");
  c.check((scales.empty() || scales.size() == count) && (sizes.empty() || sizes.size() == count),
          "Resize of ", count, " axes has ", scales.size(), " scales and ", sizes.size(), " sizes");
  const Doubles region = takes_region ? take_doubles(c, "roi", 1) : Doubles{};
  c.check(!takes_region || region.size() == 2 * count, "tf_crop_and_resize of ", count,
          " axes has ", region.size(), " numbers in roi");
  std::vector<ResizedAxis> made(count);
  for (std::size_t i = 0; i < count; ++i) {
    made[i].axis = c.normalise_axis(axes[i], rank);
    set_size(c, x, sizes, scales, i, made[i]);
    if (takes_region) {
      made[i].start = region[i];
      made[i].end = region[i + count];
    }
  }
  const std::string policy = choice(c, "keep_aspect_ratio_policy", "stretch",
                                    std::array{"stretch", "not_larger", "not_smaller"});
  if (scales.empty()) {
    keep_aspect(x, policy, made);
  }
  std::sort(made.begin(), made.end(),
            [](const ResizedAxis& a, const ResizedAxis& b) { return a.axis < b.axis; });
  return made;
}

// The axes that change, in order; all that kernels read. The others, the batch among them, are not
// named.
Shape resolve(InferContext& c, const Shape& x, bool takes_region) {
  Shape y = x;
  Ints axes, sizes;
  Doubles scales, starts, ends;
  for (const ResizedAxis& one : resized_axes(c, x, takes_region)) {
    const int axis = static_cast<int>(one.axis);
    if (one.scale == 1 && one.size == x[axis] && one.start == 0 && one.end == 1) {
      continue;
    }
    y[axis] = one.size;
    axes.push_back(one.axis);
    sizes.push_back(one.size);
    scales.push_back(one.scale);
    starts.push_back(one.start);
    ends.push_back(one.end);
  }
  starts.insert(starts.end(), ends.begin(), ends.end());
  c.attrs().set("axes", axes);
  c.attrs().set("sizes", sizes);
  c.attrs().set("scales", scales);
  c.attrs().erase("roi");
  if (takes_region) {
    c.attrs().set("roi", starts);
  }
  return y;
}

// Opset 10 and Upsample do not say how the nearest element is found; runtimes take the one below
// when they enlarge, the one above when they make smaller.
void settle_nearest(InferContext& c) {
  const Doubles scales = c.attrs().get_doubles("scales");
  const bool grows = std::all_of(scales.begin(), scales.end(), [](double s) { return s >= 1; });
  const bool shrinks = std::all_of(scales.begin(), scales.end(), [](double s) { return s <= 1; });
  TEMPER_CHECK(grows || shrinks, ErrorCode::kUnsupported,
               "Resize of opset 10 that enlarges one axis and makes another smaller");
  c.attrs().set("nearest_mode", std::string(grows ? "floor" : "ceil"));
}

Shape resize_output(InferContext& c, const Shape& x) {
  Attrs& attrs = c.attrs();
  const std::string mode = choice(c, "mode", "nearest", std::array{"nearest", "linear", "cubic"});
  const std::string transform =
      choice(c, "coordinate_transformation_mode", "half_pixel",
             std::array{"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                        "asymmetric", "tf_crop_and_resize", "tf_half_pixel_for_nn"});
  const std::string nearest =
      choice(c, "nearest_mode", "round_prefer_floor",
             std::array{"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", "unsaid"});
  attrs.set("cubic_coeff_a", attrs.get_double("cubic_coeff_a", -0.75));
  attrs.set("exclude_outside", std::int64_t{attrs.get_int("exclude_outside", 0) != 0});
  attrs.set("antialias", std::int64_t{attrs.get_int("antialias", 0) != 0});
  attrs.set("extrapolation_value", attrs.get_double("extrapolation_value", 0));
  c.check(mode != "nearest" || attrs.get_int("antialias", 0) == 0,
          "Resize to the nearest element has no antialiasing");
  const bool takes_region = transform == "tf_crop_and_resize";
  if (!takes_region) {
    c.drop_input(1);
  }
  const Shape y = resolve(c, x, takes_region);
  if (nearest == "unsaid") {
    settle_nearest(c);
  }
  attrs.set("keep_aspect_ratio_policy", std::string("stretch"));  // the scales have it now
  return y;
}

void infer_resize(InferContext& c) {
  const DType dtype = c.dtype(0);
  const Shape y = resize_output(c, c.shape(0));
  c.check(c.attrs().get_string("mode", "") == "nearest" || is_float(dtype) || is_integer(dtype),
          "Resize interpolates numbers, not ", dtype);
  c.set_output(0, dtype, y);
}

void infer_resize_grad(InferContext& c) {
  const Shape x(c.attrs().get_ints("input_shape"));
  const Shape dy = resize_output(c, x);
  c.check(c.shape(0) == dy, "ResizeGrad got ", c.shape(0), ", expected ", dy);
  c.check(is_float(c.dtype(0)), "gradients are floats, not ", c.dtype(0));
  c.set_output(0, c.dtype(0), x);
}

// y = A x + b, where b is the value outside the region;  dx = A^T dy
void resize_gradient(GradContext& g) {
  if (g.needs(0)) {
    const Shape x = g.shape(g.x(0));
    Attrs attrs = g.attrs();
    attrs.set("input_shape", Ints(x.begin(), x.end()));
    g.set(0, g.builder().op("ResizeGrad", {g.dy()}, std::move(attrs)));
  }
}

// dx = A^T dy;  with the gradient e of dx, d(dy) = A e
void resize_grad_gradient(GradContext& g) {
  if (g.needs(0)) {
    Attrs attrs = g.attrs();
    attrs.erase("input_shape");
    attrs.set("extrapolation_value", 0.0);
    g.set(0, g.builder().op("Resize", {g.dy()}, std::move(attrs)));
  }
}

int batch_of_resize(const BatchContext& c) {
  const int at = c.data_axis();
  const Ints axes = c.ints("axes");
  c.check(std::find(axes.begin(), axes.end(), at) == axes.end(), "resizes the batch");
  return at;
}

// Sizes of a file hold its batch.
void rebatch_resize(RebatchContext& c) { c.set_resolved(c.old_node().attrs); }

void as_of_opset_10(NodeDraft& d) {
  d.op = "Resize";
  if (d.inputs.size() == 2) {
    d.inputs.insert(d.inputs.begin() + 1, ValueId{});
  }
  if (d.attrs.get_string("mode", "nearest") == "bilinear") {  // of opsets before 9
    d.attrs.set("mode", std::string("linear"));
  }
  d.attrs.set("coordinate_transformation_mode", std::string("asymmetric"));
  d.attrs.set("nearest_mode", std::string("unsaid"));
}

void upgrade_resize(NodeDraft& d) {
  if (d.opset < 11) {
    as_of_opset_10(d);
  }
}

}  // namespace

void register_resize(OpRegistry& ops) {
  ops.add("Resize")
      .precision(PrecisionClass::kFloat32)
      .upgrade(upgrade_resize)
      .batch(batch_of_resize)
      .rebatch(rebatch_resize)
      .inputs(1, 4)
      .absorbs({1, 2, 3})
      .infer(infer_resize)
      .gradient(resize_gradient);
  ops.add("Upsample")
      .upgrade(as_of_opset_10)
      .batch(batch_of_resize)
      .inputs(1, 4)
      .absorbs({1, 2, 3})
      .infer(infer_resize)
      .gradient(resize_gradient);
  ops.add("ResizeGrad").internal().infer(infer_resize_grad).gradient(resize_grad_gradient);
}

}  // namespace temper::graph
