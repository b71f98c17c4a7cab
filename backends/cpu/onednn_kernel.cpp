#include "backends/cpu/onednn_kernel.h"

#include "backends/cpu/library_calls.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/error.h"

namespace temper::cpu {

void OneDnnCall::add(int argument, const Desc& desc, Place place) {
  memories_.emplace_back(desc, engine(), nullptr);
  places_.push_back(place);
  addresses_.push_back(nullptr);
  arguments_.push_back({argument, memories_.back().get()});
}

void OneDnnCall::run(const KernelArgs& args) {
  const LibraryCall marker;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    void* address = places_[i].address(args);
    if (address != addresses_[i]) {
      dnnl_memory_set_data_handle(arguments_[i].memory, address);
      addresses_[i] = address;
    }
  }
  const dnnl_status_t status = dnnl_primitive_execute(
      primitive_.get(), stream().get(), static_cast<int>(arguments_.size()), arguments_.data());
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
  workspace_bytes += (bytes + 63) / 64 * 64;
  return place;
}

void OneDnnKernel::reorder(const Desc& from, Place source, const Desc& to, Place target) {
  const dnnl::reorder::primitive_desc pd(engine(), from, engine(), to, make_attributes());
  OneDnnCall& added = call<dnnl::reorder>(pd);
  added.add(DNNL_ARG_FROM, from, source);
  added.add(DNNL_ARG_TO, to, target);
}

void OneDnnKernel::run(const KernelArgs& args) {
  const ThreadCountScope scope(threads);
  for (OneDnnCall& step : calls) {
    step.run(args);
  }
}

}  // namespace temper::cpu
