// Reorder: any layout to any other.
#include "backends/cuda/kernels/reorder.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  const TensorSpec& in = query.inputs[0];
  const TensorSpec& out = query.outputs[0];
  if (in.dtype != out.dtype) {
    return Support::no("the types differ; Cast converts");
  }
  const bool fits = in.shape.rank() <= kMaxAxes && in.layout.inner_count <= kMaxAxes &&
                    out.layout.inner_count <= kMaxAxes;
  return fits ? Support::yes() : Support::no(concat("more than ", kMaxAxes, " axes or blocks"));
}

BlockedSteps steps_of(const Shape& shape, const Layout& layout) {
  BlockedSteps steps;
  if (layout.plain) {
    const Shape strides = row_major_strides(shape);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      steps.steps[axis] = strides[axis];
    }
    return steps;
  }
  for (int axis = 0; axis < layout.rank; ++axis) {
    steps.steps[axis] = layout.strides[static_cast<std::size_t>(axis)];
  }
  steps.blocks = layout.inner_count;
  for (int i = 0; i < layout.inner_count; ++i) {
    steps.sizes[i] = layout.inner_block[static_cast<std::size_t>(i)];
    steps.axes[i] = layout.inner_axis[static_cast<std::size_t>(i)];
  }
  return steps;
}

// Padding of the output becomes zero.
std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec& in = query.inputs[0];
  const TensorSpec& out = query.outputs[0];
  ReorderShape shape;
  shape.rank = in.shape.rank();
  shape.count = in.shape.element_count();
  for (int axis = 0; axis < shape.rank; ++axis) {
    shape.dims[axis] = in.shape[axis];
  }
  shape.from = steps_of(in.shape, in.layout);
  shape.to = steps_of(in.shape, out.layout);
  const auto zeroed = has_padding(in.shape, out.layout) ? static_cast<std::size_t>(out.bytes()) : 0;
  auto kernel = make_kernel([shape, zeroed, bytes = size_of(in.dtype)](const KernelArgs& args) {
    const StreamHandle stream = handle_of(args.stream);
    if (zeroed > 0) {
      fill_zero(args.outputs[0], zeroed, stream);
    }
    reorder(shape, bytes, args.inputs[0], args.outputs[0], stream);
  });
  kernel->input_layouts = {in.layout};
  kernel->output_layouts = {out.layout};
  return kernel;
}

}  // namespace

void register_reorder(KernelTable& table) { add_row(table, "Reorder", supports, prepare); }

}  // namespace temper::cuda
