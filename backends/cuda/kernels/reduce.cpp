// ReduceSum, ReduceMean, ReduceProd, ReduceMax, ReduceMin of tensors with their axes in any order.
#include "backends/cuda/kernels/reduce.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

struct ReducePlan {
  Places<1> kept, reduced;
  bool fits = true;

  explicit ReducePlan(const OpQuery& query) {
    const Shape& x = query.inputs[0].shape;
    const Shape strides = steps_of(x, as_it_comes(query.inputs[0]));
    const std::vector<std::int64_t> axes = query.attrs->get_ints("axes");
    std::vector<WalkAxis> of_kept, of_reduced;
    for (int axis = 0; axis < x.rank(); ++axis) {
      const bool is_reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
      (is_reduced ? of_reduced : of_kept).push_back({x[axis], {strides[axis]}});
    }
    fits = set_axes(kept, of_kept) && set_axes(reduced, of_reduced);
  }
};

Support supports(const OpQuery& query, Reduction reduction) {
  if (!reduces(reduction, query.inputs[0].dtype)) {
    return Support::no(concat("no ", query.inputs[0].dtype));
  }
  return ReducePlan(query).fits
             ? Support::yes()
             : Support::no(concat("more than ", kMaxAxes, " axes that cannot be joined"));
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, Reduction reduction) {
  auto kernel = make_kernel(
      [plan = ReducePlan(query), dtype = query.inputs[0].dtype, reduction](const KernelArgs& args) {
        reduce(reduction, dtype, plan.kept, plan.reduced, args.inputs[0], args.outputs[0],
               handle_of(args.stream));
      });
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = as_it_comes(query.inputs[0]);
  return kernel;
}

void add(KernelTable& table, std::string_view op, Reduction reduction) {
  add_row(
      table, op, [reduction](const OpQuery& query) { return supports(query, reduction); },
      [reduction](const OpQuery& query) { return prepare(query, reduction); });
}

}  // namespace

void register_reduce(KernelTable& table) {
  add(table, "ReduceSum", Reduction::kSum);
  add(table, "ReduceMean", Reduction::kMean);
  add(table, "ReduceProd", Reduction::kProduct);
  add(table, "ReduceMax", Reduction::kMax);
  add(table, "ReduceMin", Reduction::kMin);
}

}  // namespace temper::cuda
