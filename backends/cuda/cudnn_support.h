// cuDNN as Temper needs it: a query of an op in, a plan out. Two implementations: real/cudnn.cpp
// and emulated/cudnn.cpp, which runs the reference backend's kernel of the same op. No CUDA type
// appears here.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "backends/cuda/device.h"
#include "runtime/backend/kernel.h"

namespace temper::cuda {

class CudnnPlan {
 public:
  virtual ~CudnnPlan() = default;
  CudnnPlan() = default;
  CudnnPlan(const CudnnPlan&) = delete;
  CudnnPlan& operator=(const CudnnPlan&) = delete;

  // One address per input and output of the query, null where it is not present.
  virtual void run(void* const* inputs, void* const* outputs, void* workspace,
                   StreamHandle stream) const = 0;

  std::size_t workspace_bytes = 0;
  std::string description;
};

// Whether the library has a plan for the query with its tensors in the layouts it names: all with
// channels last (layouts.h), or all plain. A tensor whose two orders are one (one channel, one
// position) is plain among the others.
Support cudnn_supports(const OpQuery& query);
// REQUIRES: cudnn_supports(query).
std::unique_ptr<CudnnPlan> plan_cudnn(const OpQuery& query);

// Why the library has no plan for anything, and what to install; empty: it is there.
std::string cudnn_missing();

// Name and version, or what is missing, for `doctor`.
std::string cudnn_text();

}  // namespace temper::cuda
