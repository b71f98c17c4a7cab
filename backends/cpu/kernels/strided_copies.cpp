// Transpose, Expand, Slice and its gradient, Concat, Split, Tile, Pad with a constant, DepthToSpace
// and SpaceToDepth: copies between strided views, of any type. Concat and Split along channels take
// channels in blocks as they come where every part is a whole number of blocks.
#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/cpu/strided_copy.h"
#include "backends/cpu/tensor_layouts.h"
#include "backends/host/strided_view.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/error.h"
#include "runtime/base/narrow_types.h"

namespace temper::cpu {
namespace {

std::unique_ptr<Kernel> described(std::unique_ptr<Kernel> kernel) {
  kernel->description = "strided copy";
  return kernel;
}

// y = the view of x
std::unique_ptr<Kernel> copy_from(const OpQuery& query, const StridedView& view) {
  StridedCopy copy(size_of(query.inputs[0].dtype));
  const Shape to = row_major_strides(view.shape);
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    copy.add_axis(view.shape[axis], view.strides[axis], to[axis]);
  }
  copy.set_first(view.base, 0);
  copy.finish(query.threads);
  return described(
      make_kernel([copy](const KernelArgs& args) { copy.run(args.inputs[0], args.outputs[0]); }));
}

// y = `fill` everywhere, then the view of y = x
std::unique_ptr<Kernel> copy_into(const OpQuery& query, const StridedView& view,
                                  const StridedView& shown, std::uint64_t fill) {
  const std::size_t bytes = size_of(query.inputs[0].dtype);
  StridedCopy copy(bytes);
  for (int axis = 0; axis < view.shape.rank(); ++axis) {
    copy.add_axis(view.shape[axis], shown.strides[axis], view.strides[axis]);
  }
  copy.set_first(shown.base, view.base);
  copy.finish(query.threads);
  const std::int64_t whole = query.outputs[0].shape.element_count();
  const bool fills = copy.count() < whole;
  const int threads = threads_for_elements(query.threads, whole);
  return described(make_kernel([=](const KernelArgs& args) {
    if (fills) {
      fill_elements(threads, bytes, fill, args.outputs[0], whole);
    }
    copy.run(args.inputs[0], args.outputs[0]);
  }));
}

std::unique_ptr<Kernel> prepare_transpose(const OpQuery& query) {
  return copy_from(query,
                   transpose_view(*query.attrs, query.inputs[0].shape, query.outputs[0].shape));
}

std::unique_ptr<Kernel> prepare_expand(const OpQuery& query) {
  return copy_from(query, expand_view(query.inputs[0].shape, query.outputs[0].shape));
}

std::unique_ptr<Kernel> prepare_slice(const OpQuery& query) {
  return copy_from(query, slice_view(*query.attrs, query.inputs[0].shape, query.outputs[0].shape));
}

std::unique_ptr<Kernel> prepare_slice_grad(const OpQuery& query) {
  const Shape& part = query.inputs[0].shape;
  return copy_into(query, slice_view(*query.attrs, query.outputs[0].shape, part),
                   {part, row_major_strides(part), 0}, 0);
}

template <bool kToSpace>
std::unique_ptr<Kernel> prepare_blocks(const OpQuery& query) {
  const StridedView depth = depth_view((kToSpace ? query.inputs : query.outputs)[0].shape,
                                       query.attrs->get_int("blocksize", 1),
                                       query.attrs->get_string("mode", "DCR") == "DCR");
  const Shape space = row_major_strides(depth.shape);
  StridedCopy copy(size_of(query.inputs[0].dtype));
  for (int axis = 0; axis < depth.shape.rank(); ++axis) {
    const std::int64_t from = kToSpace ? depth.strides[axis] : space[axis];
    const std::int64_t to = kToSpace ? space[axis] : depth.strides[axis];
    copy.add_axis(depth.shape[axis], from, to);
  }
  copy.finish(query.threads);
  return described(
      make_kernel([copy](const KernelArgs& args) { copy.run(args.inputs[0], args.outputs[0]); }));
}

// Each axis is copied whole, one copy behind the other.
std::unique_ptr<Kernel> prepare_tile(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape from = row_major_strides(input);
  const Shape to = row_major_strides(query.outputs[0].shape);
  const std::vector<std::int64_t> repeats = query.attrs->get_ints("repeats");
  StridedCopy copy(size_of(query.inputs[0].dtype));
  for (int axis = 0; axis < input.rank(); ++axis) {
    copy.add_axis(repeats[static_cast<std::size_t>(axis)], 0, input[axis] * to[axis]);
    copy.add_axis(input[axis], from[axis], to[axis]);
  }
  copy.finish(query.threads);
  return described(
      make_kernel([copy](const KernelArgs& args) { copy.run(args.inputs[0], args.outputs[0]); }));
}

Support supports_pad(const OpQuery& query) {
  if (is_narrow(query.inputs[0].dtype)) {
    return Support::no("no element of a narrow type to fill with");
  }
  return query.attrs->get_string("mode", "constant") == "constant"
             ? Support::yes()
             : Support::no("only mode constant");
}

std::unique_ptr<Kernel> prepare_pad(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const std::vector<std::int64_t> pads = query.attrs->get_ints("pads");
  StridedView source{input, row_major_strides(input), 0};
  StridedView target{input, row_major_strides(query.outputs[0].shape), 0};
  for (int axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + input.rank())];
    const std::int64_t kept =
        input[axis] + std::min<std::int64_t>(begin, 0) + std::min<std::int64_t>(end, 0);
    target.shape[axis] = kept;
    source.base += std::max<std::int64_t>(-begin, 0) * source.strides[axis];
    target.base += std::max<std::int64_t>(begin, 0) * target.strides[axis];
  }
  const DType dtype = query.inputs[0].dtype;
  const double value = query.attrs->get_double("value", 0);
  const std::uint64_t fill =
      is_narrow(dtype)
          ? std::uint64_t{narrow_code(dtype, value)}
          : visit_any(dtype, [&]<class T>() { return bits_of(convert_element<T>(value)); });
  return copy_into(query, target, source, fill);
}

// The parts of Concat (its inputs) and Split (its outputs) in one layout of the whole.
struct Parts {
  Layout layout;
  std::vector<Layout> of_parts;
  std::int64_t outer = 1, inner = 1;  // in front of the axis; behind it, for one index or block
  std::int64_t block = 1;
};

// Whether the axis can be cut in this layout: its blocks are whole in every part, and what has
// larger steps than the axis is walked around it.
bool cuts(const Layout& layout, const Shape& whole, int axis,
          const std::vector<std::int64_t>& sizes, Parts& parts) {
  if (has_padding(whole, layout) || layout.rank != whole.rank()) {
    return false;
  }
  parts.block = 1;
  for (int i = 0; i < layout.inner_count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    parts.block *= layout.inner_axis[at] == axis ? layout.inner_block[at] : 1;
  }
  for (const std::int64_t size : sizes) {
    if (size % parts.block != 0 || size == 0) {
      return false;
    }
  }
  parts.inner = layout.strides[static_cast<std::size_t>(axis)];
  const std::int64_t run = whole[axis] / parts.block * parts.inner;
  const std::int64_t all = whole.element_count();
  if (parts.inner <= 0 || all % run != 0) {
    return false;
  }
  parts.outer = all / run;
  // What lies behind the axis must be the same for all of its indices.
  for (int other = 0; other < layout.rank; ++other) {
    const std::int64_t stride = layout.strides[static_cast<std::size_t>(other)];
    if (other != axis && whole[other] > 1 && stride > parts.inner && stride % run != 0) {
      return false;
    }
  }
  return true;
}

Parts cut(const OpQuery& query, const TensorSpec& whole, const std::vector<TensorSpec>& specs,
          const std::vector<std::int64_t>& sizes, const Layout& wanted) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  Parts parts;
  if (!wanted.plain && cuts(wanted, whole.shape, axis, sizes, parts)) {
    std::vector<Layout> layouts;
    bool same = true;
    for (const TensorSpec& spec : specs) {
      if (!spec.present()) {
        layouts.push_back({});
        continue;
      }
      layouts.push_back(same_format(spec.shape, wanted));
      Parts of_part;
      same = same && cuts(layouts.back(), spec.shape, axis, {spec.shape[axis]}, of_part) &&
             of_part.inner == parts.inner && of_part.outer == parts.outer;
    }
    if (same) {
      parts.layout = wanted;
      parts.of_parts = std::move(layouts);
      return parts;
    }
  }
  parts = {};
  parts.outer = whole.shape.count(0, axis);
  parts.inner = whole.shape.count(axis + 1, whole.shape.rank());
  parts.of_parts.resize(specs.size());
  return parts;
}

struct PartCopy {
  std::size_t slot;  // input of Concat, output of Split
  StridedCopy copy;
};

std::vector<PartCopy> part_copies(const OpQuery& query, const TensorSpec& whole,
                                  const std::vector<TensorSpec>& specs,
                                  const std::vector<std::int64_t>& sizes, const Parts& parts,
                                  bool joins) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const std::int64_t run = whole.shape[axis] / parts.block * parts.inner;
  std::vector<PartCopy> copies;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::int64_t length = sizes[i] / parts.block * parts.inner;
    StridedCopy copy(size_of(whole.dtype));
    copy.add_axis(parts.outer, joins ? length : run, joins ? run : length);
    copy.add_axis(length, 1, 1);
    copy.set_first(joins ? 0 : offset, joins ? offset : 0);
    copy.finish(query.threads);
    if (specs[i].present() && copy.count() > 0) {
      copies.push_back({i, copy});
    }
    offset += length;
  }
  return copies;
}

// The layout that holds the largest input; of inputs of one size one that is not plain.
Layout layout_to_join(const OpQuery& query) {
  const auto larger = [](const TensorSpec& a, const TensorSpec& b) {
    const std::int64_t size_a = a.shape.element_count(), size_b = b.shape.element_count();
    return size_a != size_b ? size_a < size_b : a.layout.plain && !b.layout.plain;
  };
  const auto largest = std::max_element(query.inputs.begin(), query.inputs.end(), larger);
  return largest->layout.plain ? Layout{} : same_format(query.outputs[0].shape, largest->layout);
}

std::unique_ptr<Kernel> prepare_concat(const OpQuery& query) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  std::vector<std::int64_t> sizes;
  for (const TensorSpec& input : query.inputs) {
    sizes.push_back(input.shape[axis]);
  }
  const TensorSpec& whole = query.outputs[0];
  const Parts parts = cut(query, whole, query.inputs, sizes, layout_to_join(query));
  auto kernel = make_kernel([copies = part_copies(query, whole, query.inputs, sizes, parts, true)](
                                const KernelArgs& args) {
    for (const PartCopy& part : copies) {
      part.copy.run(args.inputs[part.slot], args.outputs[0]);
    }
  });
  kernel->input_layouts = parts.of_parts;
  kernel->output_layouts = {parts.layout};
  return described(std::move(kernel));
}

std::unique_ptr<Kernel> prepare_split(const OpQuery& query) {
  const std::vector<std::int64_t> sizes = query.attrs->get_ints("split");
  const TensorSpec& whole = query.inputs[0];
  const Parts parts = cut(query, whole, query.outputs, sizes, whole.layout);
  auto kernel = make_kernel([copies = part_copies(query, whole, query.outputs, sizes, parts,
                                                  false)](const KernelArgs& args) {
    for (const PartCopy& part : copies) {
      part.copy.run(args.inputs[0], args.outputs[part.slot]);
    }
  });
  kernel->input_layouts = {parts.layout};
  kernel->output_layouts = parts.of_parts;
  return described(std::move(kernel));
}

}  // namespace

void register_strided_copies(KernelTable& table) {
  table.add("Transpose", "cpu", {}, prepare_transpose);
  table.add("Expand", "cpu", {}, prepare_expand);
  table.add("Slice", "cpu", {}, prepare_slice);
  table.add("SliceGrad", "cpu", {}, prepare_slice_grad);
  table.add("DepthToSpace", "cpu", {}, prepare_blocks<true>);
  table.add("SpaceToDepth", "cpu", {}, prepare_blocks<false>);
  table.add("Tile", "cpu", {}, prepare_tile);
  table.add("Pad", "cpu", supports_pad, prepare_pad);
  table.add("Concat", "cpu", {}, prepare_concat);
  table.add("Split", "cpu", {}, prepare_split);
}

}  // namespace temper::cpu
