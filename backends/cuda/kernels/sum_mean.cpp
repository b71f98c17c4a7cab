// Sum and Mean.
#include "backends/cuda/kernels/sum_mean.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

struct SumPlan {
  std::vector<Terms> parts;
  bool fits = true;

  SumPlan(OpQuery query, bool mean) {
    take_elementwise_layouts(query);
    const std::size_t inputs = query.inputs.size();
    for (std::size_t from = 0; from < inputs; from += kMostTerms) {
      Terms part;
      std::vector<TensorSpec> terms;
      const std::size_t end = std::min<std::size_t>(inputs, from + kMostTerms);
      for (std::size_t i = from; i < end; ++i) {
        terms.push_back(query.inputs[i]);
      }
      part.count = static_cast<int>(terms.size());
      fits = set_axes(part.places, broadcast_axes(query.outputs[0], terms)) && fits;
      part.first = from == 0;
      part.last = end == inputs;
      part.divisor = mean ? static_cast<double>(inputs) : 1;
      parts.push_back(part);
    }
  }
};

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  if (!is_float(dtype)) {
    return Support::no(concat("no ", dtype));
  }
  return SumPlan(query, false).fits ? Support::yes()
                                    : Support::no("too many axes that cannot be joined");
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool mean) {
  const SumPlan plan(query, mean);
  auto kernel = make_kernel([plan, dtype = query.inputs[0].dtype](const KernelArgs& args) {
    std::size_t next = 0;
    for (Terms part : plan.parts) {
      for (int n = 0; n < part.count; ++n) {
        part.x[n] = args.inputs[next++];
      }
      add_terms(part, dtype, static_cast<double*>(args.workspace), args.outputs[0],
                handle_of(args.stream));
    }
  });
  if (plan.parts.size() > 1) {
    kernel->workspace_bytes =
        static_cast<std::size_t>(query.outputs[0].shape.element_count()) * sizeof(double);
  }
  OpQuery laid = query;
  take_elementwise_layouts(laid);
  set_layouts(*kernel, laid);
  return kernel;
}

}  // namespace

void register_sum_mean(KernelTable& table) {
  add_row(table, "Sum", supports, [](const OpQuery& query) { return prepare(query, false); });
  add_row(table, "Mean", supports, [](const OpQuery& query) { return prepare(query, true); });
}

}  // namespace temper::cuda
