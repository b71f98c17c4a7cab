// MaxPool and its gradient for f32 and bf16 over 1 to 3 spatial dimensions, vectorised over
// channels. NaN propagates and the first maximum wins, which the library's pooling does not
// promise. Saved: one byte per output, the tap of its maximum. Planes of bf16 are widened one at a
// time, in the caches, where overlapping windows add up their gradients in f32.
#include "backends/cpu/convert_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/pool_layouts.h"
#include "backends/cpu/pool_loops.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/alignment.h"
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

// A thread's f32 copies of one plane of bf16 on either side of the pool.
class WidePlanes {
 public:
  WidePlanes(const PoolWindow& window, std::int64_t lanes)
      : inputs_(window.input_pixels() * lanes), outputs_(window.output_pixels() * lanes) {}

  std::int64_t inputs() const { return inputs_; }
  std::int64_t outputs() const { return outputs_; }
  std::size_t bytes(int threads) const {
    return static_cast<std::size_t>(threads) * (bytes_of(inputs_) + bytes_of(outputs_));
  }
  float* input(void* workspace) const {
    const auto thread = static_cast<std::size_t>(omp_get_thread_num());
    return reinterpret_cast<float*>(static_cast<std::byte*>(workspace) +
                                    thread * (bytes_of(inputs_) + bytes_of(outputs_)));
  }
  float* output(void* workspace) const {
    return reinterpret_cast<float*>(reinterpret_cast<std::byte*>(input(workspace)) +
                                    bytes_of(inputs_));
  }

 private:
  static std::size_t bytes_of(std::int64_t count) {
    return aligned_bytes(static_cast<std::size_t>(count) * sizeof(float));
  }

  std::int64_t inputs_, outputs_;
};

constexpr DType kShort = DType::kBFloat16;

class MaxPoolKernel final : public Kernel {
 public:
  MaxPoolKernel(const OpQuery& query, const PoolWindow& window)
      : window_(window),
        chosen_(choose_pool_layout(query.inputs[0].shape, query.inputs[0].layout)),
        planes_(window, chosen_.lanes),
        widens_(query.inputs[0].dtype == kShort),
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
    workspace_bytes = widens_ ? planes_.bytes(threads_) : 0;
    description = "vector over channels";
  }

  void run(const KernelArgs& args) const override {
    if (widens_) {
      return run_short(args);
    }
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
  void run_short(const KernelArgs& args) const {
    const auto* x = static_cast<const std::uint16_t*>(args.inputs[0]);
    auto* y = static_cast<std::uint16_t*>(args.outputs[0]);
    auto* saved = static_cast<std::uint8_t*>(opaque_bytes.empty() ? nullptr : args.outputs[2]);
    parallel_ranges(threads_, chosen_.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      float *in = planes_.input(args.workspace), *out = planes_.output(args.workspace);
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t at = i * planes_.outputs();
        widen(kShort, x + i * planes_.inputs(), in, planes_.inputs());
        max_pool(window_, chosen_.lanes, in, out, saved == nullptr ? nullptr : saved + at, 0, 1);
        narrow(kShort, out, y + at, planes_.outputs());
      }
    });
  }

  PoolWindow window_;
  PoolLayout chosen_;
  WidePlanes planes_;
  bool widens_;
  int threads_;
};

std::string refuse(const OpQuery& query) {
  if (query.outputs.size() > 1 && query.outputs[1].present()) {
    return "does not give ONNX's indices";
  }
  return refuse_row_types(query, {0}, {0});
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
  return support_from(refuse_row_types(query, {0}, {0}));
}

// Each plane in f32, of which dx is a rounded copy.
void run_short_gradient(const PoolWindow& window, const PoolLayout& chosen,
                        const WidePlanes& planes, const KernelArgs& args, std::int64_t begin,
                        std::int64_t end) {
  const auto* dy = static_cast<const std::uint16_t*>(args.inputs[0]);
  const auto* saved = static_cast<const std::uint8_t*>(args.inputs[1]);
  auto* dx = static_cast<std::uint16_t*>(args.outputs[0]);
  float *in = planes.input(args.workspace), *out = planes.output(args.workspace);
  for (std::int64_t i = begin; i < end; ++i) {
    const std::int64_t at = i * planes.outputs();
    widen(kShort, dy + at, out, planes.outputs());
    max_pool_grad(window, chosen.lanes, out, saved + at, in, 0, 1);
    narrow(kShort, in, dx + i * planes.inputs(), planes.inputs());
  }
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const auto& forward = dynamic_cast<const MaxPoolKernel&>(*query.forward);
  const PoolWindow window = forward.window();
  const PoolLayout chosen = forward.chosen();
  const int threads = threads_for_elements(query.threads, query.outputs[0].shape.element_count());
  const WidePlanes planes(window, chosen.lanes);
  const bool widens = query.outputs[0].dtype == kShort;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    if (widens) {
      parallel_ranges(threads, chosen.outer, 1, [&](std::int64_t begin, std::int64_t end) {
        run_short_gradient(window, chosen, planes, args, begin, end);
      });
      return;
    }
    const auto* dy = static_cast<const float*>(args.inputs[0]);
    const auto* saved = static_cast<const std::uint8_t*>(args.inputs[1]);
    auto* dx = static_cast<float*>(args.outputs[0]);
    parallel_ranges(threads, chosen.outer, 1, [&](std::int64_t begin, std::int64_t end) {
      max_pool_grad(window, chosen.lanes, dy, saved, dx, begin, end);
    });
  });
  kernel->input_layouts = {same_format(query.inputs[0].shape, chosen.layout), Layout{}};
  kernel->output_layouts = {chosen.layout};
  kernel->workspace_bytes = widens ? planes.bytes(threads) : 0;
  kernel->description = "vector over channels";
  return kernel;
}

}  // namespace

void register_max_pool(KernelTable& table) {
  table.add("MaxPool", "cpu", supports_forward, prepare_forward);
  table.add("MaxPoolGrad", "cpu", supports_gradient, prepare_gradient);
}

}  // namespace temper::cpu
