// In the place of the emulated device in a build without it.
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "runtime/base/error.h"

namespace temper {

bool has_emulated_cuda_backend() { return false; }

std::unique_ptr<Backend> make_emulated_cuda_backend(std::unique_ptr<Backend>) {
  fail(ErrorCode::kUnsupported,
       "this build has no emulated device: build with -DTEMPER_DEVICE_EMULATED=ON");
}

namespace emulated {

void set_thread_order(ThreadOrder, std::uint64_t) {}
void watch_launches(unsigned) {}
std::vector<LaunchedKernel> launched_kernels() { return {}; }
DeviceCounts device_counts() { return {}; }
OnlyCounting::OnlyCounting() = default;
OnlyCounting::~OnlyCounting() = default;
RestlessStreams::RestlessStreams(std::uint64_t) {}
RestlessStreams::~RestlessStreams() = default;
void set_cudnn_missing(bool) {}
void set_memory_bytes(std::size_t) {}
void fail_in_replay(std::uint64_t, std::string) {}
void queue_library_call(Stream&, std::function<void()>) {}

}  // namespace emulated
}  // namespace temper
