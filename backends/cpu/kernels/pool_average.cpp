// AveragePool and its gradient for f32 over 1 to 3 spatial dimensions, vectorised over channels:
// where the library has nothing but its reference code, and in builds without it.
#include "backends/cpu/average_pool_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/pool_layouts.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"
#include "runtime/base/window.h"

namespace temper::cpu {
namespace {

// x and y: the shapes of the forward's input and output.
std::string read_average(const OpQuery& query, const Shape& x, const Shape& y,
                         AverageWindow& average) {
  std::string reason = refuse_dtypes(query);
  if (reason.empty()) {
    reason = read_pool_window(query, x, y, average.window);
  }
  if (!reason.empty()) {
    return reason;
  }
  average.counted = average.window;
  if (query.attrs->get_int("count_include_pad", 0) != 0) {
    const Window window = temper::read_window(*query.attrs);
    for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
      PoolAxis& axis = average.counted.axes[i];
      axis.in += window.pad_begin[i] + window.pad_end[i];
      axis.pad = 0;
    }
  }
  return {};
}

AverageWindow taken(const OpQuery& query, const Shape& x, const Shape& y) {
  AverageWindow average;
  const std::string reason = read_average(query, x, y, average);
  TEMPER_ASSERT(reason.empty(), reason);
  return average;
}

// `loops`: average_pool or its gradient, from input 0 to output 0; the layouts of x and y.
std::unique_ptr<Kernel> kernel_of(const AverageWindow& average, const PoolLayout& chosen,
                                  int threads, decltype(average_pool)* loops) {
  auto kernel = make_kernel([=](const KernelArgs& args) {
    parallel_ranges(threads, chosen.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      loops(average, chosen.lanes, static_cast<const float*>(args.inputs[0]),
            static_cast<float*>(args.outputs[0]), begin, end);
    });
  });
  kernel->description = "vector over channels";
  return kernel;
}

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &y = query.outputs[0].shape;
  const PoolLayout chosen = choose_pool_layout(x, query.inputs[0].layout);
  auto kernel = kernel_of(taken(query, x, y), chosen,
                          threads_for_elements(query.threads, x.element_count()), average_pool);
  kernel->input_layouts = {chosen.layout};
  kernel->output_layouts = {same_format(y, chosen.layout)};
  return kernel;
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const Shape &x = query.outputs[0].shape, &y = query.inputs[0].shape;
  const PoolLayout chosen = choose_pool_layout(x, same_format(x, query.inputs[0].layout));
  auto kernel =
      kernel_of(taken(query, x, y), chosen, threads_for_elements(query.threads, x.element_count()),
                average_pool_grad);
  kernel->input_layouts = {same_format(y, chosen.layout)};
  kernel->output_layouts = {chosen.layout};
  return kernel;
}

Support supports_forward(const OpQuery& query) {
  AverageWindow average;
  return support_from(read_average(query, query.inputs[0].shape, query.outputs[0].shape, average));
}

Support supports_gradient(const OpQuery& query) {
  AverageWindow average;
  return support_from(read_average(query, query.outputs[0].shape, query.inputs[0].shape, average));
}

}  // namespace

void register_pool_average(KernelTable& table) {
  table.add("AveragePool", "cpu", supports_forward, prepare_forward);
  table.add("AveragePoolGrad", "cpu", supports_gradient, prepare_gradient);
}

}  // namespace temper::cpu
