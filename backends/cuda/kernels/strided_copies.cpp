// Copies of any type: Copy and the reshapes, CommitIf, Transpose, Expand, Slice and its gradient,
// Concat, Split, Tile, Pad with a constant, DepthToSpace and SpaceToDepth. Tensors with channels
// last are read as they come, and what is made of them has channels last too where it has channels.
#include "backends/cuda/kernels/strided_copies.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"
#include "backends/host/strided_view.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/narrow_types.h"

namespace temper::cuda {
namespace {

// One walk from a tensor to another; several make up Concat and Split.
struct Move {
  std::size_t input = 0, output = 0;
  Places<2> places;
};

struct Moves {
  std::vector<Move> list;
  bool fit = true;
  bool fills = false;  // output 0 first, with `fill`
  std::uint64_t fill = 0;
  std::vector<Layout> inputs, outputs;  // plain where empty

  void add(const std::vector<WalkAxis>& axes, std::int64_t from = 0, std::int64_t to = 0,
           std::size_t input = 0, std::size_t output = 0) {
    Move move{input, output, {}};
    fit = set_axes(move.places, axes) && fit;
    move.places.first[0] = from;
    move.places.first[1] = to;
    if (move.places.count > 0) {
      list.push_back(move);
    }
  }
};

using MakeMoves = Moves (*)(const OpQuery&);

std::vector<WalkAxis> axes_of(const Shape& shape, const Shape& from, const Shape& to) {
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    axes.push_back({shape[axis], {from[axis], to[axis]}});
  }
  return axes;
}

Layout last_if(bool last, const Shape& shape) { return last ? channels_last(shape) : Layout{}; }

TensorSpec laid(const TensorSpec& tensor, const Layout& layout) {
  return {tensor.dtype, tensor.shape, layout, false};
}

// y = the view of x, whose layout it comes in
Moves from_view(const OpQuery& query, const StridedView& view, const Layout& y) {
  const TensorSpec to = laid(query.outputs[0], y);
  Moves moves;
  moves.add(in_order_of(to, axes_of(view.shape, view.strides, steps_of(view.shape, y))), view.base,
            0);
  moves.inputs.resize(query.inputs.size());
  moves.inputs[0] = as_it_comes(query.inputs[0]);
  moves.outputs = {y};
  return moves;
}

Shape steps_of(const TensorSpec& x) { return cuda::steps_of(x.shape, as_it_comes(x)); }

Moves transpose_moves(const OpQuery& query) {
  const Shape& y = query.outputs[0].shape;
  return from_view(query, transpose_steps(*query.attrs, steps_of(query.inputs[0]), y), {});
}

// The same in all positions is what the gradient of a pooling over all of space makes.
Moves expand_moves(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const Shape& y = query.outputs[0].shape;
  const bool last =
      x.shape.rank() == y.rank() && goes_on_last(x) && y.rank() > 1 && x.shape[1] == y[1];
  StridedView view{y, {}, 0};
  for (const std::int64_t step : broadcast_steps(laid(x, as_it_comes(x)), y)) {
    view.strides.push_back(step);
  }
  return from_view(query, view, last_if(last, y));
}

Moves slice_moves(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const Shape& y = query.outputs[0].shape;
  return from_view(query, slice_steps(*query.attrs, steps_of(x), y),
                   last_if(is_channels_last(x), y));
}

Moves slice_grad_moves(const OpQuery& query) {
  const TensorSpec part = laid(query.inputs[0], as_it_comes(query.inputs[0]));
  const Shape& whole = query.outputs[0].shape;
  const Layout layout = last_if(is_channels_last(part), whole);
  const StridedView view = slice_steps(*query.attrs, cuda::steps_of(whole, layout), part.shape);
  Moves moves;
  moves.add(in_order_of(part, axes_of(part.shape, steps_of(part), view.strides)), 0, view.base);
  moves.fills = part.shape.element_count() < whole.element_count();
  moves.inputs.resize(query.inputs.size());
  moves.inputs[0] = part.layout;
  moves.outputs = {layout};
  return moves;
}

template <bool kToSpace>
Moves block_moves(const OpQuery& query) {
  const StridedView depth = depth_view((kToSpace ? query.inputs : query.outputs)[0].shape,
                                       query.attrs->get_int("blocksize", 1),
                                       query.attrs->get_string("mode", "DCR") == "DCR");
  const Shape space = row_major_strides(depth.shape);
  Moves moves;
  moves.add(
      axes_of(depth.shape, kToSpace ? depth.strides : space, kToSpace ? space : depth.strides));
  return moves;
}

// Each axis is copied whole, one copy behind the other.
Moves tile_moves(const OpQuery& query) {
  const Shape& input = query.inputs[0].shape;
  const Shape from = row_major_strides(input);
  const Shape to = row_major_strides(query.outputs[0].shape);
  const std::vector<std::int64_t> repeats = query.attrs->get_ints("repeats");
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < input.rank(); ++axis) {
    axes.push_back({repeats[static_cast<std::size_t>(axis)], {0, input[axis] * to[axis]}});
    axes.push_back({input[axis], {from[axis], to[axis]}});
  }
  Moves moves;
  moves.add(axes);
  return moves;
}

Moves pad_moves(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  const Shape& input = x.shape;
  const std::vector<std::int64_t> pads = query.attrs->get_ints("pads");
  const TensorSpec y = laid(query.outputs[0], last_if(is_channels_last(x), query.outputs[0].shape));
  const Shape from = steps_of(x), to = steps_of(y);
  std::vector<WalkAxis> axes;
  std::int64_t source = 0, target = 0;
  for (int axis = 0; axis < input.rank(); ++axis) {
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)];
    const std::int64_t end = pads[static_cast<std::size_t>(axis + input.rank())];
    const std::int64_t kept =
        input[axis] + std::min<std::int64_t>(begin, 0) + std::min<std::int64_t>(end, 0);
    axes.push_back({kept, {from[axis], to[axis]}});
    source += std::max<std::int64_t>(-begin, 0) * from[axis];
    target += std::max<std::int64_t>(begin, 0) * to[axis];
  }
  Moves moves;
  moves.add(in_order_of(y, std::move(axes)), source, target);
  moves.inputs.resize(query.inputs.size());
  moves.inputs[0] = as_it_comes(x);
  moves.outputs = {y.layout};
  moves.fills = true;
  const double value = query.attrs->get_double("value", 0);
  moves.fill = visit_any(query.inputs[0].dtype,
                         [&]<class T>() { return bits_of(convert_element<T>(value)); });
  return moves;
}

// The parts of Concat (its inputs) or Split (its outputs) along the axis.
template <bool kJoins>
Moves part_moves(const OpQuery& query) {
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const Shape& whole = (kJoins ? query.outputs : query.inputs)[0].shape;
  std::vector<std::int64_t> sizes;
  if constexpr (kJoins) {
    for (const TensorSpec& input : query.inputs) {
      sizes.push_back(input.shape[axis]);
    }
  } else {
    sizes = query.attrs->get_ints("split");
  }
  const auto& joined = kJoins ? query.inputs : query.outputs;
  const bool last = std::any_of(query.inputs.begin(), query.inputs.end(), is_channels_last);
  Moves moves;
  for (const TensorSpec& input : query.inputs) {
    moves.inputs.push_back(as_it_comes(input));
  }
  for (const TensorSpec& output : query.outputs) {
    moves.outputs.push_back(last_if(last && output.present(), output.shape));
  }
  const Shape steps = cuda::steps_of(whole, (kJoins ? moves.outputs : moves.inputs)[0]);
  std::int64_t at = 0;
  for (std::size_t i = 0; i < sizes.size(); at += sizes[i++] * steps[axis]) {
    if (!joined[i].present()) {
      continue;
    }
    const TensorSpec part = laid(joined[i], (kJoins ? moves.inputs : moves.outputs)[i]);
    const Shape of_part = cuda::steps_of(part.shape, part.layout);
    const TensorSpec to = kJoins ? laid(part, moves.outputs[0]) : part;
    moves.add(
        in_order_of(to, axes_of(part.shape, kJoins ? of_part : steps, kJoins ? steps : of_part)),
        kJoins ? 0 : at, kJoins ? at : 0, kJoins ? i : 0, kJoins ? 0 : i);
  }
  return moves;
}

Support supports_moves(const OpQuery& query, MakeMoves make) {
  return make(query).fit
             ? Support::yes()
             : Support::no(concat("more than ", kMaxAxes, " axes that cannot be joined"));
}

std::unique_ptr<Kernel> prepare_moves(const OpQuery& query, const Moves& moves) {
  const std::size_t bytes = size_of(query.inputs[0].dtype);
  const std::int64_t whole =
      query.outputs[0].present() ? query.outputs[0].shape.element_count() : 0;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const StreamHandle stream = handle_of(args.stream);
    if (moves.fills) {
      fill_elements(bytes, moves.fill, args.outputs[0], whole, stream);
    }
    for (const Move& move : moves.list) {
      copy_strided(move.places, bytes, args.inputs[move.input], args.outputs[move.output], stream);
    }
  });
  kernel->kept_bytes = moves.list.size() * sizeof(Move);
  kernel->input_layouts = moves.inputs;
  kernel->output_layouts = moves.outputs;
  kernel->description = "strided copy";
  return kernel;
}

template <MakeMoves kMake>
void add_moves(KernelTable& table, std::string_view op) {
  add_row(
      table, op, [](const OpQuery& query) { return supports_moves(query, kMake); },
      [](const OpQuery& query) { return prepare_moves(query, kMake(query)); });
}

std::unique_ptr<Kernel> prepare_copy(const OpQuery& query) {
  const auto bytes =
      static_cast<std::size_t>(storage_bytes(query.inputs[0].dtype, query.inputs[0].shape, {}));
  auto kernel = make_kernel([bytes](const KernelArgs& args) {
    if (bytes > 0 && args.outputs[0] != args.inputs[0]) {
      copy_within(args.outputs[0], args.inputs[0], bytes, handle_of(args.stream));
    }
  });
  kernel->inplace = {{0, 0}};
  if (query.inputs[0].shape == query.outputs[0].shape) {
    kernel->input_layouts.resize(query.inputs.size());
    kernel->input_layouts[0] = as_it_comes(query.inputs[0]);
    kernel->output_layouts = {kernel->input_layouts[0]};
  }
  return kernel;
}

// Writes the variable only when the step is good.
std::unique_ptr<Kernel> prepare_commit(const OpQuery& query) {
  return make_kernel([bytes = query.inputs[1].bytes()](const KernelArgs& args) {
    if (args.inputs[1] != args.outputs[0]) {
      copy_if(input<bool>(args, 0), args.inputs[1], args.outputs[0], bytes, handle_of(args.stream));
    }
  });
}

Support supports_pad(const OpQuery& query) {
  if (is_narrow(query.inputs[0].dtype)) {
    return Support::no("no element of a narrow type to fill with");
  }
  if (query.attrs->get_string("mode", "constant") != "constant") {
    return Support::no("only mode constant");
  }
  return supports_moves(query, pad_moves);
}

}  // namespace

void register_strided_copies(KernelTable& table) {
  for (const char* op :
       {"Copy", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "StopGradient"}) {
    add_row(table, op, {}, prepare_copy);
    table.set_any_type(op);
  }
  add_row(table, "CommitIf", {}, prepare_commit);
  table.set_any_type("CommitIf");
  add_moves<transpose_moves>(table, "Transpose");
  add_moves<expand_moves>(table, "Expand");
  add_moves<slice_moves>(table, "Slice");
  add_moves<slice_grad_moves>(table, "SliceGrad");
  add_moves<block_moves<true>>(table, "DepthToSpace");
  add_moves<block_moves<false>>(table, "SpaceToDepth");
  add_moves<tile_moves>(table, "Tile");
  add_moves<part_moves<true>>(table, "Concat");
  add_moves<part_moves<false>>(table, "Split");
  add_row(table, "Pad", supports_pad,
          [](const OpQuery& query) { return prepare_moves(query, pad_moves(query)); });
}

}  // namespace temper::cuda
