#include "runtime/platform/threads.h"

#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper {
namespace {

// "200000 100000" (two processors' time) gives 2; "max 100000" gives no limit.
int processors_in_quota() {
  const char* path = "/sys/fs/cgroup/cpu.max";
  std::string text;
  try {
    text = file_status(path).exists ? read_text_file(path, 4096) : std::string();
  } catch (const Error&) {
    return INT32_MAX;  // not readable here: as if there were no quota
  }
  long long quota = 0;
  long long period = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, quota);
  if (first.ec != std::errc{} || first.ptr == end) {
    return INT32_MAX;
  }
  const auto second = std::from_chars(first.ptr + 1, end, period);
  if (second.ec != std::errc{} || quota <= 0 || period <= 0) {
    return INT32_MAX;
  }
  return static_cast<int>(std::clamp<long long>((quota + period - 1) / period, 1, INT32_MAX));
}

}  // namespace

// The set grows until the kernel accepts it (more than 1,024 processors).
std::vector<int> allowed_processors() {
  for (int capacity = 1024; capacity <= (1 << 20); capacity *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(capacity));
    if (set == nullptr) {
      break;
    }
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(capacity));
    const bool known = ::sched_getaffinity(0, bytes, set) == 0;
    std::vector<int> numbers;
    for (int i = 0; known && i < capacity; ++i) {
      if (CPU_ISSET_S(static_cast<std::size_t>(i), bytes, set)) {
        numbers.push_back(i);
      }
    }
    CPU_FREE(set);
    if (known) {
      return numbers;
    }
  }
  return {};
}

int available_processors() {
  const auto in_mask = static_cast<int>(allowed_processors().size());
  return std::min(std::max(1, in_mask), processors_in_quota());
}

void ask_for_short_turns() {
  // As the system call has it; the C library has no function for it.
  struct Attributes {
    std::uint32_t size = sizeof(Attributes), policy = 0;
    std::uint64_t flags = 0;
    std::int32_t nice = 0;
    std::uint32_t priority = 0;
    std::uint64_t runtime_ns = 0, deadline_ns = 0, period_ns = 0;
  };
  constexpr std::uint64_t kShortestNs = 100000;
  Attributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) == 0 &&
      attributes.policy == SCHED_OTHER) {
    attributes.runtime_ns = kShortestNs;
    ::syscall(SYS_sched_setattr, 0, &attributes, 0);  // a wish: its failure changes nothing
  }
}

void set_thread_name(const std::string& name) {
  ::pthread_setname_np(::pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace temper
