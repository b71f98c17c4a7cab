// The backends of GPUs: the real one, and one for tests that runs the same kernels and the same
// queueing on the host. Where a build was made without one of them, its function says so.
#pragma once

#include <memory>
#include <string_view>

#include "runtime/backend/backend.h"

namespace temper {

// GPU number `ordinal`. THROWS: kUnsupported saying what is missing: the backend in this build, a
// driver, the device.
std::unique_ptr<Backend> make_cuda_backend(int ordinal);

// Whether this build can have one.
bool has_cuda_backend();

// `reference` does what the libraries of the device do there. THROWS: kUnsupported in a build
// without it.
std::unique_ptr<Backend> make_emulated_cuda_backend(std::unique_ptr<Backend> reference);

inline constexpr std::string_view kEmulatedCudaDevice = "cuda-emulated";

// Whether this build has it.
bool has_emulated_cuda_backend();

}  // namespace temper
