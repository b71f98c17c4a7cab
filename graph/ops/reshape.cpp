// Reshape, Flatten, Squeeze, Unsqueeze, Identity: the same elements in the same order under another
// shape.
#include <algorithm>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// A dimension 0 keeps the input's (unless allowzero), one -1 takes what is left. Afterwards `shape`
// is the output's shape itself, so allowzero is 1.
void infer_reshape(InferContext& c) {
  const Shape input = c.shape(0);
  const auto asked = c.take_ints("shape", 1);
  c.check(asked.has_value(), "Reshape has no shape");
  const bool allow_zero = c.attrs().get_int("allowzero", 0) != 0;
  Shape output;
  int free_axis = -1;
  for (const std::int64_t dim : *asked) {
    const int axis = output.rank();
    c.check(dim >= -1, "Reshape to [", join(*asked, ","), "]: ", dim, " is no dimension");
    if (dim == -1) {
      c.check(free_axis < 0, "Reshape to [", join(*asked, ","), "]: -1 stands more than once");
      free_axis = axis;
      output.push_back(1);
    } else if (dim == 0 && !allow_zero) {
      c.check(axis < input.rank(), "Reshape of ", input, " to [", join(*asked, ","),
              "]: no dimension ", axis, " to copy for the 0");
      output.push_back(input[axis]);
    } else {
      output.push_back(dim);
    }
  }
  const std::int64_t count = input.element_count();
  if (free_axis >= 0) {
    const std::int64_t others = output.element_count();
    c.check(others != 0 && count % others == 0, "Reshape of ", input, " to [", join(*asked, ","),
            "]: ", count, " elements leave no whole number for -1");
    output[free_axis] = count / others;
  }
  c.check(output.element_count() == count, "Reshape of ", input, " (", count, " elements) to [",
          join(*asked, ","), "] (", output.element_count(), " elements)");
  c.attrs().set("shape", std::vector<std::int64_t>(output.begin(), output.end()));
  c.attrs().set("allowzero", std::int64_t{1});
  c.set_output(0, c.dtype(0), output);
}

// [d0 .. d(axis-1), d(axis) ..] becomes two dimensions; axis may be the rank.
void infer_flatten(InferContext& c) {
  const Shape input = c.shape(0);
  const int rank = input.rank();
  std::int64_t axis = c.attrs().get_int("axis", 1);
  c.check(axis >= -rank && axis <= rank, "axis ", axis, " is out of range for rank ", rank);
  axis = axis < 0 ? axis + rank : axis;
  c.attrs().set("axis", axis);
  const int split = static_cast<int>(axis);
  c.set_output(0, c.dtype(0), {input.count(0, split), input.count(split, rank)});
}

// Without axes, every dimension of size 1 goes.
void infer_squeeze(InferContext& c) {
  const Shape input = c.shape(0);
  auto asked = c.take_ints("axes", 1);
  std::vector<std::int64_t> axes;
  if (asked.has_value()) {
    axes = c.normalise_axes(std::move(*asked), input.rank());
  } else {
    for (int axis = 0; axis < input.rank(); ++axis) {
      if (input[axis] == 1) {
        axes.push_back(axis);
      }
    }
  }
  Shape output;
  std::size_t next = 0;
  for (int axis = 0; axis < input.rank(); ++axis) {
    if (next < axes.size() && axes[next] == axis) {
      c.check(input[axis] == 1, "Squeeze of axis ", axis, " of ", input, ", which is not 1");
      ++next;
    } else {
      output.push_back(input[axis]);
    }
  }
  c.attrs().set("axes", axes);
  c.set_output(0, c.dtype(0), output);
}

// The axes count in the output.
void infer_unsqueeze(InferContext& c) {
  const Shape input = c.shape(0);
  auto asked = c.take_ints("axes", 1);
  c.check(asked.has_value(), "Unsqueeze has no axes");
  c.check(asked->size() <= static_cast<std::size_t>(kMaxRank), "Unsqueeze with ", asked->size(),
          " axes");
  const int rank = input.rank() + static_cast<int>(asked->size());
  const std::vector<std::int64_t> axes = c.normalise_axes(std::move(*asked), rank);
  Shape output;
  std::size_t next = 0;
  for (int axis = 0; axis < rank; ++axis) {
    if (next < axes.size() && axes[next] == axis) {
      output.push_back(1);
      ++next;
    } else {
      output.push_back(input[axis - static_cast<int>(next)]);
    }
  }
  c.attrs().set("axes", axes);
  c.set_output(0, c.dtype(0), output);
}

void infer_identity(InferContext& c) { c.set_output(0, c.dtype(0), c.shape(0)); }

// y = x under another shape;  dx = dy under x's shape
void reshape_gradient(GradContext& g) {
  const Shape input = g.shape(g.x(0));
  g.set(0, g.builder().reshape(g.dy(), input));
}

// The elements keep their order, so the batch goes where as many elements lie in front of it.
int batch_of_reshape(const BatchContext& c) {
  const int at = c.data_axis();
  const Shape in = c.shape(0), out = c.output();
  const std::int64_t before = in.count(0, at);
  if (at < out.rank() && out.count(0, at) == before && out[at] == in[at]) {
    return at;
  }
  std::int64_t passed = 1;
  for (int b = 0; b < out.rank() && passed <= before; ++b) {
    if (passed == before && out[b] % c.batch() == 0 && out[b] > 0) {
      return b;
    }
    passed *= out[b];
  }
  fail(ErrorCode::kUnsupported, c.node().origin, " makes ", out, " of ", in,
       ", which puts the batch size ", c.batch(), " into another dimension", kRebatchAdvice);
}

void rebatch_reshape(RebatchContext& c) {
  if (c.has_fixed_target()) {
    const Shape target = c.scaled(c.old_output());
    c.set_resolved({{"shape", std::vector<std::int64_t>(target.begin(), target.end())},
                    {"allowzero", std::int64_t{1}}});
  }
}

int batch_of_squeeze(const BatchContext& c) {
  const int at = c.data_axis();
  const std::vector<std::int64_t> axes = c.ints("axes");
  c.check(std::find(axes.begin(), axes.end(), at) == axes.end(), "removes the batch dimension");
  return at - static_cast<int>(std::count_if(axes.begin(), axes.end(),
                                             [&](std::int64_t axis) { return axis < at; }));
}

// Without axes it removed the file's dimensions of 1: those, also where the new batch is 1.
void rebatch_squeeze(RebatchContext& c) { c.set_resolved(c.old_node().attrs); }

int batch_of_unsqueeze(const BatchContext& c) {
  const std::vector<std::int64_t> axes = c.ints("axes");  // of the output, ascending
  return std::accumulate(axes.begin(), axes.end(), c.data_axis(),
                         [](int to, std::int64_t axis) { return axis <= to ? to + 1 : to; });
}

void upgrade_squeeze(NodeDraft& d) {
  if (d.opset >= 13) {
    d.attrs.erase("axes");
  }
}

std::vector<ValueId> pass_on(Builder&, const Node&, const std::vector<ValueId>& inputs) {
  return {inputs[0]};
}

}  // namespace

void register_reshape(OpRegistry& ops) {
  ops.add("Reshape")
      .takes_narrow()
      .batch(batch_of_reshape)
      .rebatch(rebatch_reshape)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "shape", InputForm::kIntegers)
      .moves(Movement::kReshape)
      .infer(infer_reshape)
      .gradient(reshape_gradient);
  ops.add("Flatten")
      .takes_narrow()
      .batch(batch_of_reshape)
      .moves(Movement::kReshape)
      .infer(infer_flatten)
      .gradient(reshape_gradient);
  ops.add("Squeeze")
      .takes_narrow()
      .upgrade(upgrade_squeeze)
      .batch(batch_of_squeeze)
      .rebatch(rebatch_squeeze)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "axes", InputForm::kIntegers)
      .moves(Movement::kReshape)
      .infer(infer_squeeze)
      .gradient(reshape_gradient);
  ops.add("Unsqueeze")
      .takes_narrow()
      .upgrade(upgrade_squeeze)
      .batch(batch_of_unsqueeze)
      .inputs(1, 2)
      .absorbs({1})
      .writes(1, "axes", InputForm::kIntegers)
      .moves(Movement::kReshape)
      .infer(infer_unsqueeze)
      .gradient(reshape_gradient);
  ops.add("Identity")
      .takes_narrow()
      .batch(batch_of_reshape)
      .moves(Movement::kSame)
      .infer(infer_identity)
      .gradient(reshape_gradient);
  // The same value as a constant: what a formula treats as given.
  ops.add("StopGradient")
      .moves(Movement::kSame)
      .infer(infer_identity)
      .no_gradient("it stops the gradient on purpose")
      .standard(pass_on)
      .internal();
}

}  // namespace temper::graph
