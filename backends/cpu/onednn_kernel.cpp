#include "backends/cpu/onednn_kernel.h"

#include "backends/cpu/library_calls.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/alignment.h"
#include "runtime/base/error.h"

namespace temper::cpu {

void OneDnnCall::add(int argument, const Desc& desc, Place place) {
  arguments_.push_back({argument, desc, place});
}

OneDnnArguments OneDnnCall::make_arguments() const {
  OneDnnArguments made;
  for (const Argument& argument : arguments_) {
    made.memories.emplace_back(argument.desc, engine(), nullptr);
    made.addresses.push_back(nullptr);
    made.arguments.push_back({argument.number, made.memories.back().get()});
  }
  return made;
}

void OneDnnCall::run(const KernelArgs& args, OneDnnArguments& made) const {
  const LibraryCall marker;
  for (std::size_t i = 0; i < arguments_.size(); ++i) {
    void* address = arguments_[i].place.address(args);
    if (address != made.addresses[i]) {
      dnnl_memory_set_data_handle(made.arguments[i].memory, address);
      made.addresses[i] = address;
    }
  }
  const dnnl_status_t status =
      dnnl_primitive_execute(primitive_.get(), stream().get(),
                             static_cast<int>(made.arguments.size()), made.arguments.data());
  if (status != dnnl_success) {
    const char* name = nullptr;
    const_dnnl_primitive_desc_t desc = nullptr;
    dnnl_primitive_get_primitive_desc(primitive_.get(), &desc);
    dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, static_cast<void*>(&name));
    fail(ErrorCode::kDevice, "oneDNN failed with status ", static_cast<int>(status), " in ",
         name == nullptr ? "a primitive" : name);
  }
}

Place OneDnnKernel::reserve(std::size_t bytes) {
  const Place place = Place::workspace(workspace_bytes);
  workspace_bytes += aligned_bytes(bytes);
  return place;
}

void OneDnnKernel::reorder(const Desc& from, Place source, const Desc& to, Place target) {
  const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, make_attributes());
  OneDnnCall& added = call<dnnl::reorder>(pd);
  added.add(DNNL_ARG_FROM, from, source);
  added.add(DNNL_ARG_TO, to, target);
}

namespace {

struct CallStates final : KernelState {
  std::vector<OneDnnArguments> calls;
};

}  // namespace

std::unique_ptr<KernelState> OneDnnKernel::bind(const KernelArgs& /*args*/) const {
  auto state = std::make_unique<CallStates>();
  for (const OneDnnCall& step : calls) {
    state->calls.push_back(step.make_arguments());
  }
  return state;
}

void OneDnnKernel::run(const KernelArgs& args) const {
  const ThreadCountScope scope(threads);
  CallStates& state = args.state_as<CallStates>();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    calls[i].run(args, state.calls[i]);
  }
}

}  // namespace temper::cpu
