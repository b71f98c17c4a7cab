// The one way to launch a kernel, the same for nvcc and for the emulated device. Kernel files
// include this and device/*.cuh, and nothing else of CUDA.
#pragma once

#include <cstddef>
#include <cstdint>
#include <tuple>

#include "backends/cuda/device.h"

#ifdef __CUDACC__

#include <cuda_runtime.h>

namespace temper::cuda {

// THROWS: kDevice with the library's text, unless `error` is success.
void check_launch(int error);

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), std::int64_t blocks, int threads, std::size_t shared_bytes,
            StreamHandle stream, Args... args) {
  if (blocks == 0) {
    return;
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(blocks));
  config.blockDim = dim3(static_cast<unsigned>(threads));
  config.dynamicSmemBytes = shared_bytes;
  config.stream = static_cast<cudaStream_t>(stream.handle);
  check_launch(cudaLaunchKernelEx(&config, kernel, static_cast<Params>(args)...));
}

// The block's dynamic shared memory, as the kernel's one struct.
template <class T>
__device__ __forceinline__ T& shared_as() {
  extern __shared__ __align__(16) unsigned char temper_shared_bytes[];
  return *reinterpret_cast<T*>(temper_shared_bytes);
}

}  // namespace temper::cuda

#else

#include "backends/cuda/emulated/emulated_stream.h"
#include "backends/cuda/emulated/kernel_language.h"

namespace temper::cuda {

template <class... Params, class... Args>
void launch(void (*kernel)(Params...), std::int64_t blocks, int threads, std::size_t shared_bytes,
            StreamHandle stream, Args... args) {
  if (blocks == 0) {
    return;
  }
  struct Call {
    void (*kernel)(Params...);
    std::tuple<Params...> params;
  };
  stream_of(stream).queue(
      [call = Call{kernel, std::tuple<Params...>(static_cast<Params>(args)...)}, blocks, threads,
       shared_bytes]() mutable {
        emulated::run_grid(
            reinterpret_cast<const void*>(call.kernel), {static_cast<unsigned>(blocks), 1, 1},
            {static_cast<unsigned>(threads), 1, 1}, shared_bytes,
            [](void* context) {
              Call& made = *static_cast<Call*>(context);
              std::apply(made.kernel, made.params);
            },
            &call);
      },
      true);
}

template <class T>
T& shared_as() {
  return *static_cast<T*>(emulated::shared_memory(sizeof(T)));
}

}  // namespace temper::cuda

#endif

namespace temper::cuda {

inline constexpr int kBlock = 256;

// One thread per element.
template <class... Params, class... Args>
void launch_elements(void (*kernel)(Params...), std::int64_t count, StreamHandle stream,
                     Args... args) {
  launch(kernel, (count + kBlock - 1) / kBlock, kBlock, 0, stream, args...);
}

// The number of the running thread in its grid.
__device__ __forceinline__ std::int64_t thread_number() {
  return static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}

}  // namespace temper::cuda
