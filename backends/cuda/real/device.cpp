// The CUDA runtime. cudart is linked in; it finds the driver when it is first called.
#include "backends/cuda/device.h"

#include <cuda_runtime_api.h>

#include <cstring>

#include "backends/cuda/real/check.h"
#include "backends/cuda/real/libraries.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

cudaStream_t raw(StreamHandle stream) { return static_cast<cudaStream_t>(stream.handle); }
cudaEvent_t raw(EventHandle event) { return static_cast<cudaEvent_t>(event.handle); }
cudaGraphExec_t raw(GraphHandle graph) { return static_cast<cudaGraphExec_t>(graph.handle); }

}  // namespace

void check_launch(int error) { check(static_cast<cudaError_t>(error), "a kernel launch"); }

DeviceFacts open_device(int ordinal) {
  int count = 0;
  const cudaError_t found = cudaGetDeviceCount(&count);
  TEMPER_CHECK(found == cudaSuccess, ErrorCode::kUnsupported,
               no_device_text(static_cast<int>(found)),
               "; or use train.device = \"cpu\" (`temper doctor` lists what a GPU needs)");
  TEMPER_CHECK(ordinal < count, ErrorCode::kUnsupported, "no CUDA device ", ordinal, ": there are ",
               count, "; the first one is \"cuda\"");
  check(cudaSetDevice(ordinal), "taking the device");
  cudaDeviceProp facts;
  check(cudaGetDeviceProperties(&facts, ordinal), "asking the device what it is");
  TEMPER_CHECK(facts.major * 10 + facts.minor >= 75, ErrorCode::kUnsupported, facts.name,
               " has compute capability ", facts.major, ".", facts.minor,
               ", and CUDA 13 begins at 7.5; use train.device = \"cpu\"");
  int driver = 0, runtime = 0;
  check(cudaDriverGetVersion(&driver), "asking for the driver's version");
  check(cudaRuntimeGetVersion(&runtime), "asking for the runtime's version");
  return {facts.name,
          facts.major,
          facts.minor,
          facts.multiProcessorCount,
          facts.totalGlobalMem,
          facts.sharedMemPerBlockOptin,
          concat("driver for CUDA ", cuda_version_text(driver), ", runtime ",
                 cuda_version_text(runtime))};
}

void* allocate(std::size_t bytes) {
  void* data = nullptr;
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // it is answered, and must not be found again by the next launch
    return nullptr;
  }
  check(status, "asking for memory");
  check(cudaMemset(data, 0, bytes), "clearing memory");
  check(cudaStreamSynchronize(nullptr), "clearing memory");
  return data;
}

void release(void* device, std::size_t) noexcept { cudaFree(device); }

MemoryFigures memory_figures() {
  MemoryFigures figures;
  check(cudaMemGetInfo(&figures.free_bytes, &figures.total_bytes), "asking for free memory");
  return figures;
}

void* allocate_pinned(std::size_t bytes) {
  void* data = nullptr;
  check(cudaHostAlloc(&data, bytes, cudaHostAllocPortable), "asking for pinned memory");
  std::memset(data, 0, bytes);
  return data;
}

void release_pinned(void* host) noexcept { cudaFreeHost(host); }

bool is_pinned(const void* host, std::size_t) {
  cudaPointerAttributes attributes;
  const cudaError_t status = cudaPointerGetAttributes(&attributes, host);
  cudaGetLastError();
  return status == cudaSuccess && attributes.type == cudaMemoryTypeHost;
}

StreamHandle make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
  return {stream};
}

void close(StreamHandle stream) noexcept { cudaStreamDestroy(raw(stream)); }

void copy_in(void* device, const void* pinned, std::size_t bytes, StreamHandle stream) {
  check(cudaMemcpyAsync(device, pinned, bytes, cudaMemcpyHostToDevice, raw(stream)),
        "a copy to the device");
}

void copy_out(void* pinned, const void* device, std::size_t bytes, StreamHandle stream) {
  check(cudaMemcpyAsync(pinned, device, bytes, cudaMemcpyDeviceToHost, raw(stream)),
        "a copy from the device");
}

void copy_within(void* device, const void* source, std::size_t bytes, StreamHandle stream) {
  check(cudaMemcpyAsync(device, source, bytes, cudaMemcpyDeviceToDevice, raw(stream)),
        "a copy on the device");
}

void fill_zero(void* device, std::size_t bytes, StreamHandle stream) {
  check(cudaMemsetAsync(device, 0, bytes, raw(stream)), "clearing memory");
}

EventHandle make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  return {event};
}

void close(EventHandle event) noexcept { cudaEventDestroy(raw(event)); }

void record(EventHandle event, StreamHandle stream) {
  check(cudaEventRecord(raw(event), raw(stream)), "recording an event");
}

void wait(StreamHandle stream, EventHandle event) {
  check(cudaStreamWaitEvent(raw(stream), raw(event), 0), "waiting for an event");
}

void synchronize(EventHandle event) {
  check(cudaEventSynchronize(raw(event)), "work on the device");
}

void synchronize(StreamHandle stream) {
  check(cudaStreamSynchronize(raw(stream)), "work on the device");
}

void begin_capture(StreamHandle stream) {
  check(cudaStreamBeginCapture(raw(stream), cudaStreamCaptureModeThreadLocal), "capturing a step");
}

GraphHandle end_capture(StreamHandle stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(raw(stream), &graph), "capturing a step");
  cudaGraphExec_t made = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&made, graph, 0);
  cudaGraphDestroy(graph);
  check(status, "making a captured step runnable");
  return {made};
}

void abandon_capture(StreamHandle stream) noexcept {
  cudaGraph_t graph = nullptr;
  if (cudaStreamEndCapture(raw(stream), &graph) == cudaSuccess && graph != nullptr) {
    cudaGraphDestroy(graph);
  }
  cudaGetLastError();
}

void replay(GraphHandle graph, StreamHandle stream) {
  check(cudaGraphLaunch(raw(graph), raw(stream)), "running a captured step");
}

void close(GraphHandle graph) noexcept { cudaGraphExecDestroy(raw(graph)); }

}  // namespace temper::cuda
