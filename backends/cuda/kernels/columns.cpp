// Im2Col and Col2Im.
#include "backends/cuda/kernels/columns.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

BlockShape shape_of(const Attrs& attrs, const Shape& images) {
  BlockShape shape;
  shape.rank = images.rank() - 2;
  shape.images = images[0] * images[1];
  const std::vector<std::int64_t> block = attrs.get_ints("block_shape");
  const std::vector<std::int64_t> steps = attrs.get_ints("strides");
  const std::vector<std::int64_t> pads = attrs.get_ints("pads");
  const std::vector<std::int64_t> dilations = attrs.get_ints("dilations");
  for (int a = 0; a < shape.rank; ++a) {
    const auto i = static_cast<std::size_t>(a);
    shape.image[a] = images[a + 2];
    shape.block[a] = block[i];
    shape.steps[a] = steps[i];
    shape.pads[a] = pads[i];
    shape.dilations[a] = dilations[i];
    const std::int64_t room = images[a + 2] + pads[i] +
                              pads[i + static_cast<std::size_t>(shape.rank)] -
                              dilations[i] * (block[i] - 1) - 1;
    shape.blocks[a] = room / steps[i] + 1;
    shape.pixels *= shape.image[a];
    shape.block_size *= block[i];
    shape.block_count *= shape.blocks[a];
  }
  return shape;
}

Support fits(const Shape& images) {
  return images.rank() - 2 <= kMaxAxes ? Support::yes()
                                       : Support::no(concat("more than ", kMaxAxes, " axes"));
}

Support supports_image(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return sums_columns(dtype) ? fits(query.outputs[0].shape) : Support::no(concat("no ", dtype));
}

std::unique_ptr<Kernel> prepare_columns(const OpQuery& query) {
  return make_kernel([shape = shape_of(*query.attrs, query.inputs[0].shape),
                      bytes = size_of(query.inputs[0].dtype)](const KernelArgs& args) {
    image_to_columns(shape, bytes, args.inputs[0], args.outputs[0], handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_image(const OpQuery& query) {
  return make_kernel([shape = shape_of(*query.attrs, query.outputs[0].shape),
                      dtype = query.inputs[0].dtype](const KernelArgs& args) {
    columns_to_image(shape, dtype, args.inputs[0], args.outputs[0], handle_of(args.stream));
  });
}

}  // namespace

void register_columns(KernelTable& table) {
  add_row(
      table, "Im2Col", [](const OpQuery& query) { return fits(query.inputs[0].shape); },
      prepare_columns);
  add_row(table, "Col2Im", supports_image, prepare_image);
}

}  // namespace temper::cuda
