// The libraries of CUDA that are loaded when they are needed: nothing but the runtime is linked.
#pragma once

#include <string>

namespace temper::cuda {

// "13.0" of 13000.
std::string cuda_version_text(int version);

// Its version and file, or what is missing and what to install.
std::string driver_text();
std::string cublas_lt_text();
std::string cudnn_library_text();
std::string nvrtc_library_text();

// Of NVRTC; null where it is not there.
void* nvrtc_function(const char* name);

// Why no device is found: no driver, an old one, or what the runtime says.
std::string no_device_text(int count_error);

}  // namespace temper::cuda
