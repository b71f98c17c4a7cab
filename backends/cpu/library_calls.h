// Marks the time a thread spends inside oneDNN, which allocates a few small blocks in each call:
// tests that count allocations use it to tell the library's from ours.
#pragma once

#include <cstdint>

namespace temper::cpu {

// Whether the calling thread is inside a library call.
bool in_library_call();

// Library calls the calling thread has begun so far.
std::uint64_t library_call_count();

class LibraryCall {
 public:
  LibraryCall();
  ~LibraryCall();
  LibraryCall(const LibraryCall&) = delete;
  LibraryCall& operator=(const LibraryCall&) = delete;
};

}  // namespace temper::cpu
