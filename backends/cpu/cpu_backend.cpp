#include "backends/cpu/cpu_backend.h"

#include "backends/cpu/onednn_support.h"
#include "backends/reference/reference_backend.h"

namespace temper::cpu {
namespace {

class CpuBackend final : public Backend {
 public:
  CpuBackend() : fingerprint_(library_fingerprint()) {
    register_all_kernels(table_);
    reference::register_all_kernels(table_);
  }
  std::string_view name() const override { return "cpu"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return fingerprint_; }

 private:
  KernelTable table_;
  std::string fingerprint_;
};

}  // namespace

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace temper::cpu
