// The emulated device: memory that opens only while its own work runs, so that a host that follows
// one of its addresses ends the program at that line; streams that work late, so that a read that
// forgot to wait sees what was there before; captures that refuse waits and allocations.
#include "backends/cuda/device.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <utility>

#include "backends/cuda/emulated/blocks.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "backends/cuda/emulated/emulated_stream.h"
#include "runtime/base/error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#endif

namespace temper::cuda {
namespace {

constexpr std::size_t kCapacity = std::size_t{1} << 36;  // of addresses
constexpr std::size_t kMemoryBytes = std::size_t{1} << 33;
constexpr std::size_t kGapBytes = 256;
constexpr std::size_t kPageBytes = 4096;

struct Device {
  std::byte* begin = nullptr;
  std::size_t used = 0;   // addresses
  std::size_t taken = 0;  // bytes alive
  int open = 0;
  std::map<std::size_t, std::size_t> live;           // offset to size
  std::map<std::uint64_t, EmulatedStream*> streams;  // by number; an event may outlive its stream
  std::uint64_t made_streams = 0;
  EmulatedStream* captured = nullptr;
  emulated::DeviceCounts counts;
  int only_counting = 0;
  std::uint64_t restless = 0;  // the last draw; 0: streams work when they are waited for
  std::size_t memory_bytes = kMemoryBytes;
  std::uint64_t fails_in = 0;  // replays
  std::string failure_text;
  std::string failure;  // what has failed; empty: it works
};

Device d;

void set_access(int access) {
  const std::size_t bytes = (d.used + kPageBytes - 1) / kPageBytes * kPageBytes;
  TEMPER_ASSERT(bytes == 0 || mprotect(d.begin, bytes, access) == 0, "mprotect");
}

// While it lives, the memory is there.
class Open {
 public:
  Open() {
    if (d.open++ == 0) {
      set_access(PROT_READ | PROT_WRITE);
    }
  }
  ~Open() {
    if (--d.open == 0) {
      set_access(PROT_NONE);
    }
  }
  Open(const Open&) = delete;
  Open& operator=(const Open&) = delete;
};

void refuse_while_captured(const char* what) {
  TEMPER_CHECK(d.captured == nullptr, ErrorCode::kDevice, what, " while a stream is captured");
}

// As CUDA has it: once work has failed, whatever is asked of the device fails.
void refuse_when_failed() {
  TEMPER_CHECK(d.failure.empty(), ErrorCode::kDevice, "the emulated device: ", d.failure);
}

void require_device(const void* data, std::size_t bytes) {
  const auto* at = static_cast<const std::byte*>(data);
  const bool inside = at >= d.begin && at < d.begin + kCapacity;
  TEMPER_ASSERT(inside && within(d.live, static_cast<std::size_t>(at - d.begin), bytes),
                "a copy of ", bytes, " bytes at an address that is in no buffer of the device");
}

void require_pinned(const void* host, std::size_t bytes) {
  TEMPER_ASSERT(is_pinned(host, bytes), "a copy of ", bytes, " bytes needs pinned memory");
}

void queue_copy(StreamHandle stream, std::function<void()> work) {
  refuse_when_failed();
  ++(stream_of(stream).is_capturing() ? d.counts.captured_copies : d.counts.copies);
  stream_of(stream).queue(std::move(work), false);
}

// One stream goes on, or none. Not what is captured, which is not to be done now.
void go_on_somewhere() {
  if (d.restless == 0 || d.captured != nullptr || d.open > 0 || d.streams.empty()) {
    return;
  }
  d.restless ^= d.restless << 13;  // xorshift
  d.restless ^= d.restless >> 7;
  d.restless ^= d.restless << 17;
  auto drawn = d.streams.begin();
  std::advance(drawn, static_cast<std::ptrdiff_t>((d.restless >> 32) % d.streams.size()));
  drawn->second->finish(drawn->second->queued());
}

}  // namespace

void count_compiled_program() { ++d.counts.programs; }

void EmulatedStream::queue(std::function<void()> work, bool kernel, bool library) {
  refuse_when_failed();
  if (capturing_) {
    d.counts.captured += kernel ? 1 : 0;
    d.counts.captured_libraries += library ? 1 : 0;
    captured_.push_back(std::move(work));
    return;
  }
  d.counts.launches += kernel ? 1 : 0;
  waiting_.push_back(std::move(work));
  ++queued_;
  go_on_somewhere();
}

void EmulatedStream::queue_replay(const EmulatedGraph& graph) {
  ++d.counts.replays;
  const bool fails = d.fails_in > 0 && --d.fails_in == 0;
  queue(
      [&graph, fails] {
        if (fails) {
          d.failure = d.failure_text;
          return;
        }
        for (const std::function<void()>& work : graph.work) {
          work();
        }
      },
      false);
  last_replay_ = queued_;
}

void EmulatedStream::finish(std::uint64_t count) {
  const Open open;
  while (done_ < count) {
    const std::function<void()> work = std::move(waiting_.front());
    waiting_.pop_front();
    ++done_;
    if (d.only_counting == 0 && d.failure.empty()) {
      work();
    }
  }
}

EmulatedGraph* EmulatedStream::end_capture() {
  capturing_ = false;
  return new EmulatedGraph{std::exchange(captured_, {})};
}

DeviceFacts open_device(int ordinal) {
  TEMPER_CHECK(ordinal == 0, ErrorCode::kUnsupported, "there is one emulated device, number 0");
  if (d.begin == nullptr) {
    void* mapped =
        mmap(nullptr, kCapacity, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    TEMPER_CHECK(mapped != MAP_FAILED, ErrorCode::kOutOfMemory, "no addresses for the device");
    d.begin = static_cast<std::byte*>(mapped);
  }
  return {"emulated device", 9, 0, 132, d.memory_bytes, 227 * 1024, "no driver"};
}

namespace {

// Opening the memory takes longer the more addresses were given out, so they begin again when
// nothing is left that could be mistaken for something new.
void begin_again() {
  constexpr std::size_t kMany = std::size_t{1} << 27;
  if (!d.live.empty() || d.used < kMany) {
    return;
  }
#ifdef __SANITIZE_ADDRESS__
  ASAN_UNPOISON_MEMORY_REGION(d.begin, d.used);
#endif
  madvise(d.begin, d.used, MADV_DONTNEED);  // they read as zero
  d.used = 0;
}

}  // namespace

// Addresses are not given out again soon: whoever kept one of before is found out.
void* allocate(std::size_t bytes) {
  refuse_while_captured("memory was asked for");
  refuse_when_failed();
  ++d.counts.allocations;
  begin_again();
  const std::size_t needed = (bytes + 255) / 256 * 256;
  if (d.taken + needed > d.memory_bytes || needed + kGapBytes > kCapacity - d.used) {
    return nullptr;
  }
  std::byte* data = d.begin + d.used;  // zeroed, as mappings are
  d.live[d.used] = needed;
  d.used += needed + kGapBytes;
  d.taken += needed;
#ifdef __SANITIZE_ADDRESS__
  ASAN_POISON_MEMORY_REGION(data + bytes, needed - bytes + kGapBytes);
#endif
  if (d.open > 0) {
    set_access(PROT_READ | PROT_WRITE);
  }
  return data;
}

void release(void* device, std::size_t) noexcept {
  const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(device) - d.begin);
  const auto it = d.live.find(offset);
  if (it == d.live.end()) {
    return;
  }
  const std::size_t first = (offset + kPageBytes - 1) / kPageBytes * kPageBytes;
  const std::size_t end = (offset + it->second) / kPageBytes * kPageBytes;
  if (first < end) {
    madvise(d.begin + first, end - first, MADV_DONTNEED);
  }
  d.taken -= it->second;
  d.live.erase(it);
}

MemoryFigures memory_figures() {
  return {d.memory_bytes - std::min(d.taken, d.memory_bytes), d.memory_bytes};
}

StreamHandle make_stream() {
  auto* stream = new EmulatedStream(++d.made_streams);
  d.streams[stream->number()] = stream;
  return {stream};
}

// What it was given is done all the same.
void close(StreamHandle stream) noexcept {
  EmulatedStream& closed = stream_of(stream);
  try {
    closed.finish(closed.queued());
  } catch (const Error&) {
    // A kernel that broke a rule: whoever waited for it has heard.
  }
  d.streams.erase(closed.number());
  delete &closed;
}

void copy_in(void* device, const void* pinned, std::size_t bytes, StreamHandle stream) {
  require_pinned(pinned, bytes);
  require_device(device, bytes);
  d.counts.bytes_in += bytes;
  queue_copy(stream, [=] { std::memcpy(device, pinned, bytes); });
}

void copy_out(void* pinned, const void* device, std::size_t bytes, StreamHandle stream) {
  require_pinned(pinned, bytes);
  require_device(device, bytes);
  d.counts.bytes_out += bytes;
  queue_copy(stream, [=] { std::memcpy(pinned, device, bytes); });
}

void copy_within(void* device, const void* source, std::size_t bytes, StreamHandle stream) {
  require_device(device, bytes);
  require_device(source, bytes);
  queue_copy(stream, [=] { std::memcpy(device, source, bytes); });
}

void fill_zero(void* device, std::size_t bytes, StreamHandle stream) {
  require_device(device, bytes);
  queue_copy(stream, [=] { std::memset(device, 0, bytes); });
}

namespace {

struct Event {
  std::uint64_t stream = 0;  // its number
  std::uint64_t queued = 0;

  EmulatedStream* of() const {
    const auto found = d.streams.find(stream);
    return found == d.streams.end() ? nullptr : found->second;
  }
  void finish() const {
    if (EmulatedStream* const made_on = of(); made_on != nullptr) {
      made_on->finish(queued);
    }
  }
};

Event& event_of(EventHandle handle) { return *static_cast<Event*>(handle.handle); }

}  // namespace

EventHandle make_event() { return {new Event}; }

void close(EventHandle event) noexcept { delete static_cast<Event*>(event.handle); }

void record(EventHandle event, StreamHandle stream) {
  event_of(event) = {stream_of(stream).number(), stream_of(stream).queued()};
}

void wait(StreamHandle stream, EventHandle event) {
  stream_of(stream).queue([from = event_of(event)] { from.finish(); }, false);
}

void synchronize(EventHandle event) {
  refuse_while_captured("the host waits for an event");
  const Event& awaited = event_of(event);
  ++d.counts.waits;
  d.counts.late_waits += awaited.of() != nullptr && awaited.of()->has_step_behind(awaited.queued);
  awaited.finish();
  refuse_when_failed();
}

void synchronize(StreamHandle stream) {
  refuse_while_captured("the host waits for a stream");
  ++d.counts.waits;
  stream_of(stream).finish(stream_of(stream).queued());
  refuse_when_failed();
}

void begin_capture(StreamHandle stream) {
  refuse_while_captured("a second capture");
  d.captured = &stream_of(stream);
  stream_of(stream).begin_capture();
}

GraphHandle end_capture(StreamHandle stream) {
  d.captured = nullptr;
  return {stream_of(stream).end_capture()};
}

void abandon_capture(StreamHandle stream) noexcept {
  d.captured = nullptr;
  delete stream_of(stream).end_capture();
}

void replay(GraphHandle graph, StreamHandle stream) {
  stream_of(stream).queue_replay(*static_cast<EmulatedGraph*>(graph.handle));
}

void close(GraphHandle graph) noexcept { delete static_cast<EmulatedGraph*>(graph.handle); }

}  // namespace temper::cuda

namespace temper::emulated {

DeviceCounts device_counts() { return cuda::d.counts; }

OnlyCounting::OnlyCounting() { ++cuda::d.only_counting; }
OnlyCounting::~OnlyCounting() { --cuda::d.only_counting; }

RestlessStreams::RestlessStreams(std::uint64_t seed) {
  cuda::d.restless = seed * 0x9e3779b97f4a7c15u | 1;
}
RestlessStreams::~RestlessStreams() { cuda::d.restless = 0; }

void set_memory_bytes(std::size_t bytes) {
  cuda::d.memory_bytes = bytes == 0 ? cuda::kMemoryBytes : bytes;
}

void fail_in_replay(std::uint64_t replays, std::string text) {
  cuda::d.fails_in = replays;
  cuda::d.failure = {};
  cuda::d.failure_text = std::move(text);
}

}  // namespace temper::emulated
