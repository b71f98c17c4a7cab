// The optimizers' updates of flat buffers: every form of backends/host/optimizer_forms.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/common/flat_ranges.h"
#include "backends/common/optimizers/trust_ratio.h"
#include "backends/cuda/device.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// A block's part of a range. `first` to `end` - 1 are the chunks of its tensor.
struct UpdateChunk {
  FlatRange range;
  std::int64_t first = 0, end = 0;
};

struct DeviceUpdate {
  const bool* ok = nullptr;  // false: nothing is written
  UpdateScalars scalars;
  const double* numbers = nullptr;  // [groups, parameters]
  const UpdateChunk* chunks = nullptr;
  std::int64_t chunk_count = 0;
  UpdateSums* sums = nullptr;           // [chunks], for forms that measure
  const bool* is_used = nullptr;        // [groups phases]
  DType copy_type = DType::kUndefined;  // of the ranges' copies
};

// An optimizer with one set of states.
struct UpdateForm {
  std::string op;
  std::vector<std::string> states, parameters;
  bool by_tensor = false;  // measures each tensor first, so that tensors are not joined
  void (*run)(const DeviceUpdate& update, StreamHandle stream) = nullptr;
};
const std::vector<UpdateForm>& update_forms();

}  // namespace temper::cuda
