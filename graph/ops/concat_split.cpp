// Concat and Split along one axis: each is the other's gradient.
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_concat(InferContext& c) {
  Shape output = c.shape(0);
  c.check(c.attrs().has("axis"), "Concat has no axis");
  c.check(output.rank() > 0, "Concat of scalars");
  const int axis = static_cast<int>(c.axis("axis", 0, output.rank()));
  for (int i = 1; i < c.input_count(); ++i) {
    const Shape& shape = c.shape(i);
    c.check(c.dtype(i) == c.dtype(0), "Concat inputs must have one type, but input 0 is ",
            c.dtype(0), " and input ", i, " is ", c.dtype(i));
    bool same = shape.rank() == output.rank();
    for (int a = 0; same && a < output.rank(); ++a) {
      same = a == axis || shape[a] == output[a];
    }
    c.check(same, "Concat along axis ", axis, ": input 0 has the shape ", c.shape(0), ", input ", i,
            " has ", shape);
    c.check(!__builtin_add_overflow(output[axis], shape[axis], &output[axis]), "Concat along axis ",
            axis, " is too long");
  }
  c.set_output(0, c.dtype(0), output);
}

// dx_i = the part of dy that x_i was copied to
void concat_gradient(GradContext& g) {
  const std::int64_t axis = g.attrs().get_int("axis", 0);
  if (g.input_count() == 1) {
    g.set(0, g.dy());
    return;
  }
  std::vector<std::int64_t> sizes;
  std::vector<bool> wanted;
  for (int i = 0; i < g.input_count(); ++i) {
    sizes.push_back(g.shape(g.x(i))[static_cast<int>(axis)]);
    wanted.push_back(g.needs(i));
  }
  const std::vector<ValueId> parts = g.builder().ops("Split", {g.dy()}, g.input_count(),
                                                     {{"axis", axis}, {"split", sizes}}, wanted);
  for (int i = 0; i < g.input_count(); ++i) {
    if (g.needs(i)) {
      g.set(i, parts[static_cast<std::size_t>(i)]);
    }
  }
}

// Sizes from the input `split`, or as equal as they get with the last one smaller.
std::vector<std::int64_t> equal_parts(InferContext& c, std::int64_t dim) {
  const bool counted = c.attrs().has("num_outputs");
  const std::int64_t parts = c.attrs().get_int("num_outputs", c.output_count());
  c.check(parts == c.output_count(), "Split has num_outputs ", parts, ", but ", c.output_count(),
          " outputs");
  c.check(counted || dim % parts == 0, "Split of ", dim, " elements into ", parts,
          " equal parts; give the sizes in `split`");
  const std::int64_t size = dim / parts + (dim % parts != 0 ? 1 : 0);
  const std::int64_t last = dim - size * (parts - 1);
  c.check(last >= 0, "Split of ", dim, " elements into ", parts, " parts of ", size,
          " leaves less than none for the last");
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), size);
  sizes.back() = last;
  return sizes;
}

void infer_split(InferContext& c) {
  const Shape input = c.shape(0);
  c.check(input.rank() > 0, "Split of a scalar");
  const int axis = static_cast<int>(c.axis("axis", 0, input.rank()));
  const auto asked = c.take_ints("split", 1);
  const std::vector<std::int64_t> sizes = asked.has_value() ? *asked : equal_parts(c, input[axis]);
  c.check(static_cast<int>(sizes.size()) == c.output_count(), "Split into [", join(sizes, ","),
          "] has ", c.output_count(), " outputs");
  std::int64_t left = input[axis];
  for (const std::int64_t size : sizes) {
    c.check(size >= 0 && size <= left, "Split of ", input, " along axis ", axis, " into [",
            join(sizes, ","), "], expected a sum of ", input[axis]);
    left -= size;
  }
  c.check(left == 0, "Split of ", input, " along axis ", axis, " into [", join(sizes, ","),
          "], expected a sum of ", input[axis]);
  c.attrs().set("split", sizes);
  c.attrs().erase("num_outputs");
  for (int i = 0; i < c.output_count(); ++i) {
    Shape output = input;
    output[axis] = sizes[static_cast<std::size_t>(i)];
    c.set_output(i, c.dtype(0), output);
  }
}

// dx = the dy_i one behind the other, zeros for outputs nobody uses
void split_gradient(GradContext& g) {
  const std::int64_t axis = g.attrs().get_int("axis", 0);
  const std::vector<std::int64_t> sizes = g.attrs().get_ints("split");
  std::vector<ValueId> parts;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    if (g.has_dy(static_cast<int>(i))) {
      parts.push_back(g.dy(static_cast<int>(i)));
    } else {
      Shape part = g.shape(g.x(0));
      part[static_cast<int>(axis)] = sizes[i];
      parts.push_back(g.builder().expand(g.builder().scalar(g.dtype(g.x(0)), 0), part));
    }
  }
  g.set(0, parts.size() == 1 ? parts.front()
                             : g.builder().op("Concat", std::move(parts), {{"axis", axis}}));
}

int batch_of_concat(const BatchContext& c) {
  return batch_along_others(c, "joins values along the batch dimension");
}

// A value that all samples share, such as a class token, beside values of each sample.
void rebatch_concat(RebatchContext& c) {
  for (std::size_t i = 0; i < c.axes().size(); ++i) {
    if (!c.axes()[i]) {
      c.repeat_input(static_cast<int>(i));
    }
  }
}

int batch_of_split(const BatchContext& c) { return batch_along_others(c, "splits the batch"); }

// Without sizes all parts are equal before opset 18; from then on num_outputs says how many there
// are.
void upgrade_split(NodeDraft& d) {
  if (!d.has_input(1) && !d.attrs.has("split")) {
    d.attrs.set("num_outputs", static_cast<std::int64_t>(d.outputs.size()));
  }
}

}  // namespace

void register_concat_split(OpRegistry& ops) {
  ops.add("Concat")
      .batch(batch_of_concat)
      .rebatch(rebatch_concat)
      .moves(Movement::kJoin)
      .inputs(1, -1)
      .infer(infer_concat)
      .gradient(concat_gradient);
  ops.add("Split")
      .upgrade(upgrade_split)
      .batch(batch_of_split)
      .moves(Movement::kPart)
      .inputs(1, 2)
      .outputs(1, -1)
      .absorbs({1})
      .writes(1, "split", InputForm::kIntegers)
      .infer(infer_split)
      .gradient(split_gradient);
}

}  // namespace temper::graph
