// What kernels that compute in f32 alone say of other types.
#pragma once

#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {

inline Support only_float32(const OpQuery& query) {
  for (const TensorSpec& input : query.inputs) {
    if (input.present() && input.dtype != DType::kFloat32) {
      return Support::no(concat("only f32, not ", input.dtype));
    }
  }
  return Support::yes();
}

}  // namespace temper::cpu
