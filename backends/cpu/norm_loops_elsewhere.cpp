// Other processors' registers are shorter.
#include "backends/cpu/norm_kernels.h"

namespace temper::cpu {

template <>
const NormKernels<float>* wide_norm_kernels() {
  return nullptr;
}

template <>
const NormKernels<BFloat16>* wide_norm_kernels() {
  return nullptr;
}

}  // namespace temper::cpu
