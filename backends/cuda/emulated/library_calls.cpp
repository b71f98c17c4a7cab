// Calls of libraries that tests stand in for, such as sums over several devices.
#include <utility>

#include "backends/cuda/emulated/emulated_device.h"
#include "backends/cuda/emulated/emulated_stream.h"
#include "backends/cuda/stream.h"

namespace temper::emulated {

void queue_library_call(Stream& stream, std::function<void()> work) {
  cuda::stream_of(cuda::handle_of(stream)).queue(std::move(work), true, true);
}

}  // namespace temper::emulated
