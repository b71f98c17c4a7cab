// The device that the tests of the CUDA backend run on: TEMPER_TEST_DEVICE, else the emulated one.
// On a GPU the same tests say whether it trains as the CPU does (tools/gpu-check.sh).
#pragma once

#include <cstdlib>
#include <string_view>

#include "backends/cuda/cuda_backend.h"

namespace temper::test {

inline const char* device_under_test() {
  const char* device = std::getenv("TEMPER_TEST_DEVICE");
  return device != nullptr && *device != '\0' ? device : "cuda-emulated";
}

inline bool is_emulated_under_test() {
  return std::string_view(device_under_test()) == "cuda-emulated";
}

// A GPU that was asked for and is not there is no reason to skip a test: it fails.
inline bool is_device_left_out() {
  return is_emulated_under_test() && !has_emulated_cuda_backend();
}

}  // namespace temper::test
