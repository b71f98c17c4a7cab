#include "backends/cpu/library_calls.h"

namespace temper::cpu {
namespace {

thread_local int depth = 0;
thread_local std::uint64_t count = 0;

}  // namespace

bool in_library_call() { return depth > 0; }

std::uint64_t library_call_count() { return count; }

LibraryCall::LibraryCall() {
  ++depth;
  ++count;
}

LibraryCall::~LibraryCall() { --depth; }

}  // namespace temper::cpu
