// cuDNN of the emulated device: the reference backend's kernel of the same op, on plain copies of
// tensors in another layout.
#include <utility>
#include <vector>

#include "backends/cuda/conv_pattern.h"
#include "backends/cuda/cudnn_support.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "backends/cuda/emulated/emulated_stream.h"
#include "backends/cuda/emulated/library_kernels.h"
#include "runtime/backend/backend.h"
#include "runtime/base/alignment.h"
#include "runtime/base/error.h"

namespace temper {
namespace {

std::unique_ptr<Backend> library;
bool is_missing = false;

}  // namespace

void emulated::set_cudnn_missing(bool missing) { is_missing = missing; }

void emulated::set_library_backend(std::unique_ptr<Backend> backend) {
  library = std::move(backend);
}

namespace cuda {
namespace {

OpQuery plain_query(OpQuery query) {
  for (auto* specs : {&query.inputs, &query.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec.layout = {};
    }
  }
  return query;
}

std::unique_ptr<Kernel> reorder_between(TensorSpec from, TensorSpec to) {
  OpQuery query;
  const Attrs none;
  query.op = "Reorder";
  query.attrs = &none;
  query.inputs = {std::move(from)};
  query.outputs = {std::move(to)};
  return select_kernel(*library, query).kernel;
}

void run_once(const Kernel& kernel, void* const* inputs, void* const* outputs, void* workspace) {
  KernelArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.workspace = workspace;
  const auto state = kernel.bind(args);
  args.state = state.get();
  kernel.run(args);
}

class ReferencePlan final : public CudnnPlan {
 public:
  explicit ReferencePlan(const OpQuery& query)
      : kernel_(select_kernel(*library, plain_query(query)).kernel),
        inputs_(query.inputs.size()),
        outputs_(query.outputs.size()) {
    workspace_bytes = aligned_bytes(kernel_->workspace_bytes);
    for (std::size_t i = 0; i < inputs_; ++i) {
      add_copy(query.inputs[i], i, true);
    }
    for (std::size_t i = 0; i < outputs_; ++i) {
      add_copy(query.outputs[i], i, false);
    }
    ConvPattern pattern;
    read_pattern(query, pattern);
    description = concat("reference in place of cuDNN", pattern.tf32 ? " TF32" : "");
  }
  // The addresses are read now, as a library reads them.
  void run(void* const* inputs, void* const* outputs, void* workspace,
           StreamHandle stream) const override {
    stream_of(stream).queue([this, in = std::vector<void*>(inputs, inputs + inputs_),
                             out = std::vector<void*>(outputs, outputs + outputs_),
                             workspace] { work(in, out, static_cast<std::byte*>(workspace)); },
                            true, true);
  }

 private:
  struct PlainCopy {
    std::size_t index = 0;  // of the input or output
    bool is_input = true;
    std::size_t offset = 0;  // in the workspace
    std::unique_ptr<Kernel> reorder;
  };

  void add_copy(const TensorSpec& spec, std::size_t index, bool is_input) {
    if (!spec.present() || spec.layout.plain) {
      return;
    }
    TensorSpec plain = spec;
    plain.layout = {};
    const auto bytes = static_cast<std::size_t>(plain.bytes());
    copies_.push_back({index, is_input, workspace_bytes,
                       is_input ? reorder_between(spec, plain) : reorder_between(plain, spec)});
    workspace_bytes += aligned_bytes(bytes);
  }

  void work(std::vector<void*> in, std::vector<void*> out, std::byte* workspace) const {
    const std::vector<void*> results = out;
    for (const PlainCopy& copy : copies_) {
      void* plain = workspace + copy.offset;
      if (copy.is_input) {
        run_once(*copy.reorder, &in[copy.index], &plain, nullptr);
      }
      (copy.is_input ? in : out)[copy.index] = plain;
    }
    run_once(*kernel_, in.data(), out.data(), workspace);
    for (const PlainCopy& copy : copies_) {
      if (!copy.is_input) {
        run_once(*copy.reorder, &out[copy.index], &results[copy.index], nullptr);
      }
    }
  }

  std::unique_ptr<Kernel> kernel_;
  std::size_t inputs_, outputs_;
  std::vector<PlainCopy> copies_;
};

}  // namespace

std::string cudnn_missing() {
  return is_missing ? "cuDNN is not there: the emulated device was told to have none" : "";
}

Support cudnn_supports(const OpQuery& query) {
  if (is_missing) {
    return Support::no(cudnn_missing());
  }
  ConvPattern pattern;
  const Support is_product = read_pattern(query, pattern);
  if (!is_product.ok) {
    return is_product;
  }
  const OpQuery plain = plain_query(query);
  for (const auto& row : library->kernels().rows(query.op)) {
    if (row->supports(plain).ok) {
      return Support::yes();
    }
  }
  return Support::no(concat("cuDNN has no plan for ", query.op));
}

std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query) {
  return std::make_unique<ReferencePlan>(query);
}

std::string cudnn_text() { return "no cuDNN"; }

}  // namespace cuda
}  // namespace temper
