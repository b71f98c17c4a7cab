// GatherElements: one element per index, y[i] = x[i_0, .., indices[i], .., i_n]. GatherND: a slice
// per tuple of indices, y[b, q, ..] = x[b, indices[b, q], ..] with `batch_dims` leading dimensions
// b. Negative indices count from the end.
#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/index_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_gather_elements(InferContext& c) {
  check_element_indices(c);
  c.set_output(0, c.dtype(0), c.shape(1));
}

void infer_gather_nd(InferContext& c) { c.set_output(0, c.dtype(0), slices_of_tuples(c)); }

// y = x[indices];  dx = zeros, dx[indices] += dy
void gather_elements_gradient(GradContext& g) {
  if (g.needs(0)) {
    Builder& b = g.builder();
    Attrs attrs = g.attrs();
    attrs.set("reduction", std::string("add"));
    const char* scatter = g.node().op->name() == "GatherND" ? "ScatterND" : "ScatterElements";
    g.set(0, b.op(scatter, {b.zeros_like(g.x(0)), g.x(1), g.dy()}, std::move(attrs)));
  }
}

// The batch lies along the same axis in data and indices, or the data is shared.
int batch_of_gather_elements(const BatchContext& c) {
  const BatchAxis data = c.axis(0), indices = c.axis(1);
  c.check(indices.has_value(), "picks from each sample by indices that the samples share");
  c.check(!data || *data == *indices, "picks along other axes than those of the samples");
  c.check(*indices != c.number("axis") || !data, "picks samples of the batch");
  // What the samples share is repeated for them: see below.
  c.check(data || *indices == c.number("axis") || c.shape(0)[*indices] == c.batch(),
          "picks for some samples only");
  return *indices;
}

void rebatch_gather_elements(RebatchContext& r) {
  const int along = static_cast<int>(r.old_node().attrs.get_int("axis", 0));
  if (!r.axes()[0] && r.output_axis() != along) {
    r.repeat_input(0);
  }
}

// The batch lies in dimensions that data and indices have in common, in those of the indices
// alone, or in the slices.
int batch_of_gather_nd(const BatchContext& c) {
  const BatchAxis data = c.axis(0), indices = c.axis(1);
  const int last = c.shape(1).rank() - 1;
  if (indices) {
    const bool in_common = *indices < c.number("batch_dims");
    c.check(*indices < last && (in_common ? data == indices : !data),
            "picks from each sample by indices of each sample");
    return *indices;
  }
  const int slices = c.number("batch_dims") + static_cast<int>(c.shape(1)[last]);
  c.check(*data >= slices, "picks samples of the batch");
  return last + *data - slices;
}

}  // namespace

void register_gather_elements(OpRegistry& ops) {
  ops.add("GatherElements")
      .batch(batch_of_gather_elements)
      .rebatch(rebatch_gather_elements)
      .inputs(2, 2)
      .infer(infer_gather_elements)
      .gradient(gather_elements_gradient);
  ops.add("GatherND")
      .batch(batch_of_gather_nd)
      .inputs(2, 2)
      .weight(0, "embedding table")
      .infer(infer_gather_nd)
      .gradient(gather_elements_gradient);
}

}  // namespace temper::graph
