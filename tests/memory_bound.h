// Bounds what this process may take while an object of this lives, so that a test sees memory that
// grows with a hostile number: an allocation beyond it fails. Without effect under sanitizers,
// whose shadow memory counts.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <fstream>
#include <string>

namespace temper::test {

class MemoryBound {
 public:
  explicit MemoryBound([[maybe_unused]] std::int64_t more_bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ::getrlimit(RLIMIT_DATA, &before_);
    rlimit bound = before_;
    bound.rlim_cur = static_cast<rlim_t>(data_bytes() + more_bytes);
    ::setrlimit(RLIMIT_DATA, &bound);
#endif
  }
  ~MemoryBound() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ::setrlimit(RLIMIT_DATA, &before_);
#endif
  }
  MemoryBound(const MemoryBound&) = delete;
  MemoryBound& operator=(const MemoryBound&) = delete;

 private:
  static std::int64_t data_bytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmData:")) {
        return std::stoll(line.substr(7)) * 1024;
      }
    }
    return 0;
  }

  rlimit before_{};
};

}  // namespace temper::test
