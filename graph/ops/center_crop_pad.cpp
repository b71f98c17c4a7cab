// CenterCropPad: the middle of the input where it is larger than `shape`, zeros around it where it
// is smaller. Of an odd difference the smaller half comes first.
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_center_crop_pad(InferContext& c) {
  Shape output = c.shape(0);
  const auto asked = c.take_ints("shape", 1);
  c.check(asked.has_value(), "CenterCropPad has no shape");
  std::vector<std::int64_t> axes(static_cast<std::size_t>(output.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  axes = c.attrs().get_ints("axes", axes);
  c.check(axes.size() == asked->size(), "CenterCropPad has ", asked->size(), " sizes for ",
          axes.size(), " axes");
  c.normalise_axes(axes, output.rank());  // none stands twice
  for (std::size_t i = 0; i < axes.size(); ++i) {
    axes[i] = c.normalise_axis(axes[i], output.rank());
    c.check((*asked)[i] >= 0, "CenterCropPad to [", join(*asked, ","), "]: ", (*asked)[i],
            " is no size");
    output[static_cast<int>(axes[i])] = (*asked)[i];
  }
  c.attrs().set("axes", axes);
  c.set_output(0, c.dtype(0), output);
}

// y = the middle of x;  dx = dy in the middle of zeros: the same op, back to x's sizes
void center_crop_pad_gradient(GradContext& g) {
  const Shape input = g.shape(g.x(0));
  Attrs attrs = g.attrs();
  std::vector<std::int64_t> sizes;
  for (const std::int64_t axis : attrs.get_ints("axes")) {
    sizes.push_back(input[static_cast<int>(axis)]);
  }
  attrs.set("shape", sizes);
  g.set(0, g.builder().op("CenterCropPad", {g.dy()}, std::move(attrs)));
}

int batch_of_center_crop_pad(const BatchContext& c) {
  const int at = c.data_axis();
  c.check(c.output()[at] == c.shape(0)[at], "crops or pads the batch");
  return at;
}

}  // namespace

void register_center_crop_pad(OpRegistry& ops) {
  ops.add("CenterCropPad")
      .batch(batch_of_center_crop_pad)
      .inputs(1, 2)
      .absorbs({1})
      .infer(infer_center_crop_pad)
      .gradient(center_crop_pad_gradient);
}

}  // namespace temper::graph
