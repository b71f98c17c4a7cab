#include "backends/cuda/real/libraries.h"

#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstddef>

#include "runtime/base/concat.h"

namespace temper::cuda {
namespace {

constexpr const char* kDriverFile = "libcuda.so.1";
constexpr const char* kNvrtcFile = "libnvrtc.so.13";
constexpr const char* kInstallDriver =
    "install NVIDIA's driver, version 580 or newer (`nvidia-smi` shows it)";

// Stays loaded: a library of CUDA does not survive being unloaded.
void* function_of(const char* file, const char* name) {
  void* library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : dlsym(library, name);
}

std::string file_of(const void* function) {
  Dl_info info{};
  return dladdr(function, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

std::string missing(const char* file, const std::string& install) {
  return concat("missing: the loader finds no ", file, "; ", install);
}

// What the driver says of itself, 13000 for CUDA 13.0; 0 where there is none.
int driver_version() {
  using Ask = int (*)(int*);
  const auto ask = reinterpret_cast<Ask>(function_of(kDriverFile, "cuDriverGetVersion"));
  int version = 0;
  return ask != nullptr && ask(&version) == 0 ? version : 0;
}

// `package` is what pip calls it, `debian` NVIDIA's repository.
std::string missing_library(const char* file, const char* package, const char* debian) {
  return missing(file, concat("install ", debian, " of NVIDIA's repository, or ", package,
                              " of PyPI with its lib folder in LD_LIBRARY_PATH"));
}

std::string library_text(const char* file, const char* function, const char* package,
                         const char* debian) {
  using Ask = std::size_t (*)();
  const auto ask = reinterpret_cast<Ask>(function_of(file, function));
  if (ask == nullptr) {
    return missing_library(file, package, debian);
  }
  return concat(ask(), " (", file_of(reinterpret_cast<const void*>(ask)), ")");
}

}  // namespace

std::string cuda_version_text(int version) {
  return concat(version / 1000, ".", version % 1000 / 10);
}

std::string driver_text() {
  void* ask = function_of(kDriverFile, "cuDriverGetVersion");
  if (ask == nullptr) {
    return missing(kDriverFile, kInstallDriver);
  }
  const int version = driver_version();
  const std::string found =
      concat("for CUDA ", cuda_version_text(version), " (", file_of(ask), ")");
  return version / 1000 >= CUDART_VERSION / 1000 ? found
                                                 : concat(found, ": too old, ", kInstallDriver);
}

std::string cublas_lt_text() {
  return library_text("libcublasLt.so.13", "cublasLtGetVersion", "nvidia-cublas", "libcublas-13-0");
}

std::string cudnn_library_text() {
  return library_text("libcudnn.so.9", "cudnnGetVersion", "nvidia-cudnn-cu13", "libcudnn9-cuda-13");
}

void* nvrtc_function(const char* name) { return function_of(kNvrtcFile, name); }

std::string nvrtc_library_text() {
  using Ask = int (*)(int*, int*);
  const auto ask = reinterpret_cast<Ask>(nvrtc_function("nvrtcVersion"));
  int major = 0, minor = 0;
  if (ask == nullptr || ask(&major, &minor) != 0) {
    return concat(missing_library(kNvrtcFile, "nvidia-cuda-nvrtc", "cuda-nvrtc-13-0"),
                  "; until then chains of elementwise ops are interpreted");
  }
  return concat(major, ".", minor, " (", file_of(reinterpret_cast<const void*>(ask)), ")");
}

std::string no_device_text(int count_error) {
  const int version = driver_version();
  if (version == 0 || version / 1000 < CUDART_VERSION / 1000) {
    return concat("no GPU can be used: driver ", driver_text());
  }
  return concat("no GPU can be used: ", cudaGetErrorString(static_cast<cudaError_t>(count_error)));
}

}  // namespace temper::cuda
