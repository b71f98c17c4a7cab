// Transpose: y[i_perm[0], i_perm[1], ...] = x[i_0, i_1, ...]; without perm the axes are reversed.
#include <algorithm>
#include <numeric>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_transpose(InferContext& c) {
  const Shape input = c.shape(0);
  std::vector<std::int64_t> perm = c.attrs().get_ints("perm");
  if (!c.attrs().has("perm")) {
    perm.resize(static_cast<std::size_t>(input.rank()));
    std::iota(perm.rbegin(), perm.rend(), 0);
  }
  c.check(static_cast<int>(perm.size()) == input.rank(), "perm [", join(perm, ","), "] has ",
          perm.size(), " axes, but the input ", input, " has ", input.rank());
  c.normalise_axes(perm, input.rank());
  Shape output;
  for (std::int64_t& axis : perm) {
    axis = c.normalise_axis(axis, input.rank());
    output.push_back(input[static_cast<int>(axis)]);
  }
  c.attrs().set("perm", perm);
  c.set_output(0, c.dtype(0), output);
}

// dx = dy transposed by the inverse permutation
void transpose_gradient(GradContext& g) {
  const std::vector<std::int64_t> perm = g.attrs().get_ints("perm");
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) {
    inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  }
  g.set(0, g.builder().transpose(g.dy(), std::move(inverse)));
}

int batch_of_transpose(const BatchContext& c) {
  const std::vector<std::int64_t> perm = c.ints("perm");
  return static_cast<int>(std::find(perm.begin(), perm.end(), c.data_axis()) - perm.begin());
}

}  // namespace

void register_transpose(OpRegistry& ops) {
  ops.add("Transpose")
      .takes_narrow()
      .batch(batch_of_transpose)
      .moves(Movement::kPermute)
      .infer(infer_transpose)
      .gradient(transpose_gradient);
}

}  // namespace temper::graph
