// Pooling of regions: RoiAlign samples between the elements of each region's cells, MaxRoiPool
// takes the greatest element of whole ones. Regions take no gradient: they say where to look.
#include <algorithm>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

void check_images(InferContext& c, const Shape& x, int rois, std::int64_t numbers) {
  c.check(x.rank() == 4 && x[2] > 0 && x[3] > 0, "regions of the input ", x,
          ", expected [N, C, H, W] with elements");
  const Shape& regions = c.shape(rois);
  c.check(regions.rank() == 2 && regions[1] == numbers, "the regions have the shape ", regions,
          ", expected [R, ", numbers, "]");
  c.attrs().set("spatial_scale", c.attrs().get_double("spatial_scale", 1));
}

// x [N, C, H, W], rois [R, 4], batch_indices [R] -> [R, C, output_height, output_width]
Shape align_output(InferContext& c, const Shape& x, int rois) {
  check_images(c, x, rois, 4);
  Attrs& attrs = c.attrs();
  const std::string mode = attrs.get_string("mode", "avg");
  const std::string transform = attrs.get_string("coordinate_transformation_mode", "half_pixel");
  c.check(mode == "avg" || mode == "max", "RoiAlign has mode \"", mode, "\", expected avg or max");
  c.check(transform == "half_pixel" || transform == "output_half_pixel",
          "RoiAlign has coordinate_transformation_mode \"", transform,
          "\", expected half_pixel or output_half_pixel");
  attrs.set("mode", mode);
  attrs.set("coordinate_transformation_mode", transform);
  for (const char* name : {"output_height", "output_width"}) {
    attrs.set(name, attrs.get_int(name, 1));
    c.check(attrs.get_int(name, 1) > 0, name, " is ", attrs.get_int(name, 1));
  }
  const std::int64_t samples = attrs.get_int("sampling_ratio", 0);
  c.check(samples >= 0 && samples < (1 << 20), "sampling_ratio is ", samples);
  attrs.set("sampling_ratio", samples);
  const std::int64_t count = c.shape(rois)[0];
  c.check(c.shape(rois + 1) == Shape{count}, "batch_indices have the shape ", c.shape(rois + 1),
          " for ", count, " regions");
  c.check(c.dtype(rois + 1) == DType::kInt64 || c.dtype(rois + 1) == DType::kInt32,
          "batch_indices are ", c.dtype(rois + 1), ", expected i64");
  return {count, x[1], attrs.get_int("output_height", 1), attrs.get_int("output_width", 1)};
}

// x, rois [R, 5]: the image and two corners -> [R, C, pooled_shape]
Shape pool_output(InferContext& c, const Shape& x, int rois) {
  check_images(c, x, rois, 5);
  const Ints pooled = c.attrs().get_ints("pooled_shape");
  c.check(pooled.size() == 2 && pooled[0] > 0 && pooled[1] > 0, "pooled_shape is [",
          join(pooled, ","), "], expected two numbers above 0");
  return {c.shape(rois)[0], x[1], pooled[0], pooled[1]};
}

using OutputShape = Shape (*)(InferContext&, const Shape&, int rois);

template <OutputShape kOutput>
void infer_roi(InferContext& c) {
  c.check(is_float(c.dtype(0)), "regions of ", c.dtype(0));
  c.require_same_dtype({0, 1});
  c.set_output(0, c.dtype(0), kOutput(c, c.shape(0), 1));
}

// dy, x, rois, ... -> dx
template <OutputShape kOutput>
void infer_roi_grad(InferContext& c) {
  const Shape expected = kOutput(c, c.shape(1), 2);
  c.check(c.shape(0) == expected, "a gradient of regions ", c.shape(0), ", expected ", expected);
  c.require_same_dtype({0, 1, 2});
  c.set_output(0, c.dtype(0), c.shape(1));
}

// e, x, rois, ... -> what the elements of e chosen by x come to
template <OutputShape kOutput>
void infer_roi_along(InferContext& c) {
  c.check(c.shape(0) == c.shape(1), "regions of ", c.shape(0), ", chosen by ", c.shape(1));
  c.require_same_dtype({0, 1, 2});
  c.set_output(0, c.dtype(0), kOutput(c, c.shape(1), 2));
}

std::vector<ValueId> behind(ValueId first, const std::vector<ValueId>& rest) {
  std::vector<ValueId> all{first};
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

// y = A(x) x, where A chooses and weighs;  dx = A^T dy
void roi_gradient(GradContext& g) {
  if (g.needs(0)) {
    g.set(0,
          g.builder().op(g.node().op->name() + "Grad", behind(g.dy(), g.node().inputs), g.attrs()));
  }
}

// The other of A and A^T, to whose first input it is linear: A is piecewise constant in x.
template <const char* kOther>
void other_gradient(GradContext& g) {
  if (g.needs(0)) {
    std::vector<ValueId> inputs = g.node().inputs;
    inputs.front() = g.dy();
    g.set(0, g.builder().op(kOther, std::move(inputs), g.attrs()));
  }
}

constexpr char kAlignGrad[] = "RoiAlignGrad", kAlignAlong[] = "RoiAlignAlong";
constexpr char kPoolGrad[] = "MaxRoiPoolGrad", kPoolAlong[] = "MaxRoiPoolAlong";

// Until opset 15 the corners are those of elements.
void upgrade_roi_align(NodeDraft& d) {
  if (d.opset < 16) {
    d.attrs.set("coordinate_transformation_mode", std::string("output_half_pixel"));
  }
}

// How many regions an image has, and which, is in the data.
int batch_of_regions(const BatchContext& c) {
  c.check(false, "pools regions of images, whose number does not follow the batch");
  return 0;
}

}  // namespace

void register_roi(OpRegistry& ops) {
  ops.add("RoiAlign")
      .upgrade(upgrade_roi_align)
      .batch(batch_of_regions)
      .inputs(3, 3)
      .infer(infer_roi<align_output>)
      .gradient(roi_gradient);
  ops.add(kAlignGrad)
      .inputs(4, 4)
      .infer(infer_roi_grad<align_output>)
      .gradient(other_gradient<kAlignAlong>)
      .internal();
  ops.add(kAlignAlong)
      .inputs(4, 4)
      .infer(infer_roi_along<align_output>)
      .gradient(other_gradient<kAlignGrad>)
      .internal();
  ops.add("MaxRoiPool")
      .batch(batch_of_regions)
      .inputs(2, 2)
      .infer(infer_roi<pool_output>)
      .gradient(roi_gradient);
  ops.add(kPoolGrad)
      .inputs(3, 3)
      .infer(infer_roi_grad<pool_output>)
      .gradient(other_gradient<kPoolAlong>)
      .internal();
  ops.add(kPoolAlong)
      .inputs(3, 3)
      .infer(infer_roi_along<pool_output>)
      .gradient(other_gradient<kPoolGrad>)
      .internal();
}

}  // namespace temper::graph
