// The backend of one device, the same above a real and an emulated one.
#include <algorithm>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/device_backend.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/memory.h"
#include "backends/cuda/printed_programs.h"
#include "backends/cuda/stream.h"
#include "runtime/base/concat.h"

namespace temper::cuda {
namespace {

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::string name, int ordinal) : name_(std::move(name)) {
    facts_ = open_device(ordinal);
    memory_ = std::make_unique<CudaMemory>();
    programs_ = std::make_unique<PrintedPrograms>();
    add_elementwise(table_, *programs_);
    register_all_kernels(table_);
    add_conversions(table_);
  }
  std::string_view name() const override { return name_; }
  const KernelTable& kernels() const override { return table_; }
  DeviceMemory& memory() const override { return *memory_; }
  std::unique_ptr<Stream> make_stream() const override { return std::make_unique<CudaStream>(); }
  std::string fingerprint() const override {
    return concat(facts_.name, ", compute capability ", facts_.major, ".", facts_.minor, ", ",
                  facts_.versions, ", ", cublas_text(), ", ", cudnn_text(), ", ",
                  programs_->text());
  }
  bool has_tf32() const override { return facts_.major >= 8; }
  bool is_fast(DType dtype) const override {
    return dtype == DType::kFloat16 || (dtype == DType::kBFloat16 && facts_.major >= 8);
  }

 private:
  std::string name_;
  DeviceFacts facts_;
  std::unique_ptr<CudaMemory> memory_;
  std::unique_ptr<PrintedPrograms> programs_;
  KernelTable table_;
};

}  // namespace

Support only_f32(const OpQuery& query) {
  for (const auto* specs : {&query.inputs, &query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.present() && spec.dtype != DType::kFloat32) {
        return Support::no(concat("only f32, not ", spec.dtype));
      }
    }
  }
  return Support::yes();
}

Support one_float_type(const OpQuery& query) { return one_float_type_beside(query, {}, {}); }

Support one_float_type_beside(const OpQuery& query, std::initializer_list<std::size_t> f32_inputs,
                              std::initializer_list<std::size_t> f32_outputs) {
  DType common = DType::kUndefined;
  const auto look_at = [&](const std::vector<TensorSpec>& specs,
                           std::initializer_list<std::size_t> wide) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      const DType dtype = specs[i].dtype;
      if (!specs[i].present()) {
        continue;
      }
      if (std::find(wide.begin(), wide.end(), i) != wide.end()) {
        if (dtype != DType::kFloat32) {
          return Support::no(concat("tensor ", i, " is ", dtype, ", not f32"));
        }
        continue;
      }
      if (dtype != DType::kFloat32 && dtype != DType::kFloat16 && dtype != DType::kBFloat16) {
        return Support::no(concat("only f32, f16 and bf16, not ", dtype));
      }
      if (common != DType::kUndefined && dtype != common) {
        return Support::no(concat("both ", common, " and ", dtype));
      }
      common = dtype;
    }
    return Support::yes();
  };
  const Support inputs = look_at(query.inputs, f32_inputs);
  return inputs.ok ? look_at(query.outputs, f32_outputs) : inputs;
}

std::unique_ptr<Backend> make_device_backend(std::string name, int ordinal) {
  return std::make_unique<CudaBackend>(std::move(name), ordinal);
}

}  // namespace temper::cuda
