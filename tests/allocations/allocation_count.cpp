// The replaced allocator: counts, then calls glibc's own. operator new of libstdc++ comes through
// malloc. Large buffers are mapped (runtime/platform/mapped_zeros.h), and counted alike.
#include "tests/allocations/allocation_count.h"

#include <execinfo.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "backends/cpu/library_calls.h"
#include "runtime/platform/mapped_zeros.h"

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
namespace temper::test {
bool can_count() { return false; }
void start_counting() {}
AllocationCount stop_counting() { return {}; }
void start_measuring() {}
void restart_peak() {}
MeasuredBytes measured() { return {}; }
void stop_measuring() {}
void trace_allocations(int) {}
}  // namespace temper::test
#else

extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);
}

namespace temper::test {
namespace {

std::atomic<bool> counting{false};
std::atomic<std::int64_t> ours{0};
std::atomic<std::int64_t> library{0};
std::atomic<int> live_count{0};  // entries of `live` in use so far
std::atomic<int> traces{0};
thread_local bool tracing = false;

// Aligned blocks that were made while counting; a freed one has size 0.
struct Block {
  std::atomic<void*> data{nullptr};
  std::atomic<std::int64_t> bytes{0};
};
std::array<Block, 65536> live;

std::atomic<bool> measuring{false};
std::atomic<std::int64_t> live_bytes{0};
std::atomic<std::int64_t> peak_bytes{0};

void measure_bytes(std::int64_t bytes) {
  if (measuring.load(std::memory_order_relaxed)) {
    const std::int64_t now = live_bytes.fetch_add(bytes) + bytes;
    std::int64_t most = peak_bytes.load();
    while (now > most && !peak_bytes.compare_exchange_weak(most, now)) {
    }
  }
}

// `sign` 1: the block is there now; -1: it is about to go.
void* measure(void* data, int sign) {
  if (data != nullptr) {
    measure_bytes(sign * static_cast<std::int64_t>(malloc_usable_size(data)));
  }
  return data;
}

// Anonymous mappings that are there; a free place is null.
std::array<std::atomic<void*>, 4096> mapped;

void* note_mapping(void* data, std::size_t bytes) {
  for (std::atomic<void*>& place : mapped) {
    void* none = nullptr;
    if (place.compare_exchange_strong(none, data)) {
      measure_bytes(static_cast<std::int64_t>(bytes));
      break;
    }
  }
  return data;
}

void forget_mapping(void* data, std::size_t bytes) {
  for (std::atomic<void*>& place : mapped) {
    void* found = data;
    if (place.compare_exchange_strong(found, nullptr)) {
      measure_bytes(-static_cast<std::int64_t>(bytes));
      return;
    }
  }
}

void note() {
  if (!counting.load(std::memory_order_relaxed)) {
    return;
  }
  if (cpu::in_library_call()) {
    library.fetch_add(1);
    return;
  }
  ours.fetch_add(1);
  if (!tracing && traces.fetch_sub(1) > 0) {
    tracing = true;
    void* frames[24];
    backtrace_symbols_fd(frames, backtrace(frames, 24), 2);
    tracing = false;
  }
}

void* aligned(std::size_t alignment, std::size_t bytes) {
  note();
  void* data = measure(__libc_memalign(alignment, bytes), 1);
  if (counting.load(std::memory_order_relaxed) && !cpu::in_library_call()) {
    const auto at = static_cast<std::size_t>(live_count.fetch_add(1));
    if (at < live.size()) {
      live[at].data = data;
      live[at].bytes = static_cast<std::int64_t>(bytes);
    }
  }
  return data;
}

void forget(void* data) {
  const auto count = std::min(static_cast<std::size_t>(live_count), live.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (live[i].data == data) {
      live[i].data = nullptr;
      live[i].bytes = 0;
    }
  }
}

}  // namespace

bool can_count() { return true; }

void start_counting() {
  ours = library = 0;
  live_count = 0;
  counting = true;
}

AllocationCount stop_counting() {
  counting = false;
  std::int64_t bytes = 0;
  for (int i = 0; i < live_count && i < static_cast<int>(live.size()); ++i) {
    bytes += live[static_cast<std::size_t>(i)].bytes;
  }
  return {ours, library, bytes};
}

void start_measuring() {
  live_bytes = peak_bytes = 0;
  measuring = true;
}

void restart_peak() { peak_bytes = live_bytes.load(); }

MeasuredBytes measured() { return {live_bytes, peak_bytes}; }

void stop_measuring() { measuring = false; }

void trace_allocations(int count) {
  void* frames[1];
  backtrace(frames, 1);  // loads its library now
  traces = count;
}

}  // namespace temper::test

extern "C" {

void* malloc(std::size_t bytes) {
  temper::test::note();
  return temper::test::measure(__libc_malloc(bytes), 1);
}
void* calloc(std::size_t count, std::size_t bytes) {
  temper::test::note();
  return temper::test::measure(__libc_calloc(count, bytes), 1);
}
void* realloc(void* old, std::size_t bytes) {
  temper::test::note();
  temper::test::measure(old, -1);
  void* data = __libc_realloc(old, bytes);
  temper::test::measure(data == nullptr && bytes > 0 ? old : data, 1);
  return data;
}
void free(void* data) {
  if (data != nullptr && temper::test::counting.load(std::memory_order_relaxed)) {
    temper::test::forget(data);
  }
  temper::test::measure(data, -1);
  __libc_free(data);
}
void* memalign(std::size_t alignment, std::size_t bytes) {
  return temper::test::aligned(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) {
  return temper::test::aligned(alignment, bytes);
}
void* mmap(void* at, std::size_t bytes, int access, int flags, int file, off_t offset) noexcept {
  const long made = syscall(SYS_mmap, at, bytes, access, flags, file, offset);
  void* data = reinterpret_cast<void*>(made);
  // Smaller ones are code that oneDNN generates, a quarter of a megabyte of addresses a kernel.
  if (made == -1 || (flags & MAP_ANONYMOUS) == 0 || (access & PROT_WRITE) == 0 ||
      bytes < temper::kLeastMappedBytes) {
    return data;
  }
  temper::test::note();
  return temper::test::note_mapping(data, bytes);
}
int munmap(void* data, std::size_t bytes) noexcept {
  temper::test::forget_mapping(data, bytes);
  return static_cast<int>(syscall(SYS_munmap, data, bytes));
}
int posix_memalign(void** out, std::size_t alignment, std::size_t bytes) {
  temper::test::note();
  *out = temper::test::measure(__libc_memalign(alignment, bytes), 1);
  return *out == nullptr ? ENOMEM : 0;
}

}  // extern "C"
#endif
