#include "backends/reference/reference_backend.h"

#include <algorithm>

#include "runtime/backend/widened_rows.h"
#include "runtime/base/float16.h"

namespace temper::reference {
namespace {

template <class F>
void visit_16_bit(DType dtype, F&& f) {
  dtype == DType::kFloat16 ? f.template operator()<Float16>() : f.template operator()<BFloat16>();
}

void widen(DType from, const void* x, float* y, std::int64_t n, ConversionPlace) {
  visit_16_bit(from, [&]<class T>() {
    const T* values = static_cast<const T*>(x);
    std::transform(values, values + n, y, [](T value) { return static_cast<float>(value); });
  });
}

void narrow(DType to, const float* x, void* y, std::int64_t n, ConversionPlace) {
  visit_16_bit(to, [&]<class T>() {
    std::transform(x, x + n, static_cast<T*>(y), [](float value) { return T(value); });
  });
}

class ReferenceBackend final : public Backend {
 public:
  ReferenceBackend() {
    register_all_kernels(table_);
    add_widened_rows(table_, {widen, narrow});
  }
  std::string_view name() const override { return "reference"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return "reference"; }

 private:
  KernelTable table_;
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace temper::reference
