// MaxPool and its gradient for f32 over 1 to 3 spatial dimensions, vectorised over channels. NaN
// propagates and the first maximum wins, which the library's pooling does not promise. Saved: one
// byte per output, the tap of its maximum.
#include "backends/cpu/parallel.h"
#include "backends/cpu/pool_layouts.h"
#include "backends/cpu/pool_loops.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

// A tap's number is saved in a byte.
std::string read_window(const OpQuery& query, const Shape& x, const Shape& y, PoolWindow& window) {
  std::string reason = read_pool_window(query, x, y, window);
  const std::int64_t taps = window.axes[0].kernel * window.axes[1].kernel * window.axes[2].kernel;
  if (reason.empty() && taps > 256) {
    reason = concat("a window of ", taps, " elements");
  }
  return reason;
}

class MaxPoolKernel final : public Kernel {
 public:
  MaxPoolKernel(const OpQuery& query, const PoolWindow& window)
      : window_(window),
        chosen_(choose_pool_layout(query.inputs[0].shape, query.inputs[0].layout)),
        threads_(threads_for_elements(query.threads, query.inputs[0].shape.element_count())) {
    const Shape& y = query.outputs[0].shape;
    const Layout out = same_format(y, chosen_.layout);
    input_layouts = {chosen_.layout};
    output_layouts.resize(query.outputs.size());
    output_layouts[0] = out;
    if (query.outputs.size() > 2 && query.outputs[2].present()) {
      opaque_bytes.assign(query.outputs.size(), 0);
      opaque_bytes[2] = static_cast<std::size_t>(storage_elements(y, out));
    }
    description = "vector over channels";
  }

  void run(const KernelArgs& args) const override {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    auto* saved = static_cast<std::uint8_t*>(opaque_bytes.empty() ? nullptr : args.outputs[2]);
    parallel_ranges(threads_, chosen_.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      max_pool(window_, chosen_.lanes, x, y, saved, begin, end);
    });
  }

  const PoolWindow& window() const { return window_; }
  const PoolLayout& chosen() const { return chosen_; }

 private:
  PoolWindow window_;
  PoolLayout chosen_;
  int threads_;
};

std::string refuse(const OpQuery& query) {
  if (query.outputs.size() > 1 && query.outputs[1].present()) {
    return "does not give ONNX's indices";
  }
  return refuse_dtypes(query);
}

Support supports_forward(const OpQuery& query) {
  PoolWindow window;
  std::string reason = refuse(query);
  if (reason.empty()) {
    reason = read_window(query, query.inputs[0].shape, query.outputs[0].shape, window);
  }
  return support_from(reason);
}

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query) {
  PoolWindow window;
  const std::string reason =
      read_window(query, query.inputs[0].shape, query.outputs[0].shape, window);
  TEMPER_ASSERT(reason.empty(), reason);
  return std::make_unique<MaxPoolKernel>(query, window);
}

Support supports_gradient(const OpQuery& query) {
  if (dynamic_cast<const MaxPoolKernel*>(query.forward) == nullptr) {
    return Support::no("the forward MaxPool is another kernel");
  }
  return support_from(refuse_dtypes(query));
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const auto& forward = dynamic_cast<const MaxPoolKernel&>(*query.forward);
  const PoolWindow window = forward.window();
  const PoolLayout chosen = forward.chosen();
  const int threads = threads_for_elements(query.threads, query.outputs[0].shape.element_count());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* dy = static_cast<const float*>(args.inputs[0]);
    const auto* saved = static_cast<const std::uint8_t*>(args.inputs[1]);
    auto* dx = static_cast<float*>(args.outputs[0]);
    parallel_ranges(threads, chosen.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      max_pool_grad(window, chosen.lanes, dy, saved, dx, begin, end);
    });
  });
  kernel->input_layouts = {same_format(query.inputs[0].shape, chosen.layout), Layout{}};
  kernel->output_layouts = {chosen.layout};
  kernel->description = "vector over channels";
  return kernel;
}

}  // namespace

void register_max_pool(KernelTable& table) {
  table.add("MaxPool", "cpu", supports_forward, prepare_forward);
  table.add("MaxPoolGrad", "cpu", supports_gradient, prepare_gradient);
}

}  // namespace temper::cpu
