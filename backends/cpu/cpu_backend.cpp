#include "backends/cpu/cpu_backend.h"

#include "backends/cpu/convert_loops.h"
#include "backends/cpu/library.h"
#include "runtime/backend/widened_rows.h"

namespace temper::cpu {
namespace {

class CpuBackend final : public Backend {
 public:
  explicit CpuBackend(void (*add_fallback)(KernelTable&)) : fingerprint_(library_fingerprint()) {
    constexpr ConversionLoops kLoops = {
        [](DType from, const void* x, float* y, std::int64_t n, ConversionPlace place) {
          widen_parallel(from, x, y, n, place.threads);
        },
        [](DType to, const float* x, void* y, std::int64_t n, ConversionPlace place) {
          narrow_parallel(to, x, y, n, place.threads);
        }};
    // A fast kernel with conversions around it comes before the fallback's own.
    register_all_kernels(table_);
    add_widened_rows(table_, kLoops);
    add_fallback(table_);
    add_widened_rows(table_, kLoops);
  }
  std::string_view name() const override { return "cpu"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return fingerprint_; }
  bool is_fast(DType dtype) const override {
    return dtype == DType::kBFloat16 && has_fast_bfloat16_products();
  }

 private:
  KernelTable table_;
  std::string fingerprint_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend(void (*add_fallback)(KernelTable&)) {
  return std::make_unique<CpuBackend>(add_fallback);
}

}  // namespace temper::cpu
