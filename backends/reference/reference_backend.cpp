#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

class ReferenceBackend final : public Backend {
 public:
  ReferenceBackend() { register_all_kernels(table_); }
  std::string_view name() const override { return "reference"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return "reference"; }

 private:
  KernelTable table_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace temper::reference
