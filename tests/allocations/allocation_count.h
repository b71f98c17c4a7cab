// Counts what the whole process allocates: this program's malloc and its relatives replace the C
// library's.
#pragma once

#include <cstdint>

namespace temper::test {

struct AllocationCount {
  std::int64_t ours = 0;
  std::int64_t library = 0;  // inside oneDNN calls
  // Bytes asked of aligned_alloc since the start that were not freed: Buffer's, nothing else of
  // ours uses it.
  std::int64_t live_aligned_bytes = 0;
};

// Whether counting works in this build (not under the sanitizers, which have an allocator of their
// own).
bool can_count();
// Counts from zero.
void start_counting();
AllocationCount stop_counting();
// Bytes in use, as malloc rounds them, against start_measuring(): what was there before and is
// freed since counts below zero.
struct MeasuredBytes {
  std::int64_t live = 0;
  std::int64_t peak = 0;  // the most since start_measuring() or restart_peak()
};
void start_measuring();
void restart_peak();
MeasuredBytes measured();
void stop_measuring();

// Print a stack trace at each of the first `count` of our allocations: for finding them.
void trace_allocations(int count);

}  // namespace temper::test
