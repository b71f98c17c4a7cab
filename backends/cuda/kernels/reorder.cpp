// Reorder: any layout to any other.
#include "backends/cuda/kernels/reorder.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/walks.h"

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

BlockedSteps blocks_of(const Shape& shape, const Layout& layout) {
  BlockedSteps steps;
  const Shape outer = steps_of(shape, layout);
  for (int axis = 0; axis < shape.rank(); ++axis) {
    steps.steps[axis] = outer[axis];
  }
  for (int i = 0; !layout.plain && i < layout.inner_count; ++i) {
    steps.sizes[i] = layout.inner_block[static_cast<std::size_t>(i)];
    steps.axes[i] = layout.inner_axis[static_cast<std::size_t>(i)];
    ++steps.blocks;
  }
  return steps;
}

// Between two orders of the axes.
std::unique_ptr<Kernel> prepare_turn(const TensorSpec& in, const TensorSpec& out) {
  const Shape from = steps_of(in.shape, in.layout), to = steps_of(out.shape, out.layout);
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < in.shape.rank(); ++axis) {
    axes.push_back({in.shape[axis], {from[axis], to[axis]}});
  }
  Places<2> places;
  set_axes(places, in_order_of(out, std::move(axes)));
  return make_kernel([places, bytes = size_of(in.dtype)](const KernelArgs& args) {
    copy_strided(places, bytes, args.inputs[0], args.outputs[0], handle_of(args.stream));
  });
}

bool is_order_of_axes(const TensorSpec& tensor) { return as_it_comes(tensor) == tensor.layout; }

// Padding of the output becomes zero.
std::unique_ptr<Kernel> prepare_blocked(const TensorSpec& in, const TensorSpec& out) {
  ReorderShape shape;
  shape.rank = in.shape.rank();
  shape.count = in.shape.element_count();
  for (int axis = 0; axis < shape.rank; ++axis) {
    shape.dims[axis] = in.shape[axis];
  }
  shape.from = blocks_of(in.shape, in.layout);
  shape.to = blocks_of(in.shape, out.layout);
  const auto zeroed = has_padding(in.shape, out.layout) ? static_cast<std::size_t>(out.bytes()) : 0;
  return make_kernel([shape, zeroed, bytes = size_of(in.dtype)](const KernelArgs& args) {
    const StreamHandle stream = handle_of(args.stream);
    if (zeroed > 0) {
      fill_zero(args.outputs[0], zeroed, stream);
    }
    reorder(shape, bytes, args.inputs[0], args.outputs[0], stream);
  });
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec& in = query.inputs[0];
  const TensorSpec& out = query.outputs[0];
  auto kernel = is_order_of_axes(in) && is_order_of_axes(out) ? prepare_turn(in, out)
                                                              : prepare_blocked(in, out);
  kernel->input_layouts = {in.layout};
  kernel->output_layouts = {out.layout};
  return kernel;
}

}  // namespace

void register_reorder(KernelTable& table) { add_row(table, "Reorder", supports, prepare); }

}  // namespace temper::cuda
