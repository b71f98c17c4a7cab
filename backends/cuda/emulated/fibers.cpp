#include "backends/cuda/emulated/fibers.h"

#include <sys/mman.h>

#include <algorithm>

#include "runtime/base/error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef TEMPER_THREAD_FIBERS
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
}
#endif

// void temper_switch_fiber(void** save, void* load): keeps the callee-saved registers on the old
// stack and takes up the new one.
asm(R"(
.text
.globl temper_switch_fiber
.type temper_switch_fiber,@function
temper_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size temper_switch_fiber,.-temper_switch_fiber
)");
extern "C" void temper_switch_fiber(void** save, void* load);

namespace temper::emulated {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kStackBytes = 128 * 1024;

#ifdef TEMPER_THREAD_FIBERS
constexpr unsigned kOrdersNothing = 1;

// The thread of all fibers that are not watched.
void* unwatched_thread() {
  static const auto thread = [] {
    void* const here = __tsan_get_current_fiber();
    void* const made = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(made, kOrdersNothing);
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
    __tsan_switch_to_fiber(here, kOrdersNothing);
    return made;
  }();
  return thread;
}
#endif

}  // namespace

Fiber* make_fiber([[maybe_unused]] bool is_watched) {
  void* stack =
      mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TEMPER_CHECK(stack != MAP_FAILED, ErrorCode::kOutOfMemory, "no stack for an emulated thread");
  mprotect(stack, kPageBytes, PROT_NONE);
  auto* fiber = new Fiber;
  fiber->stack = static_cast<char*>(stack);
  fiber->stack_bytes = kStackBytes;
#ifdef TEMPER_THREAD_FIBERS
  fiber->sanitizer = is_watched ? __tsan_create_fiber(0) : unwatched_thread();
#endif
  return fiber;
}

void prepare(Fiber& fiber, void (*main)()) {
  auto** top = reinterpret_cast<void**>(fiber.stack + kStackBytes - 16);
  *--top = nullptr;                        // where `main` would return to
  *--top = reinterpret_cast<void*>(main);  // where the switch returns to
  top -= 6;
  std::fill(top, top + 6, nullptr);
  fiber.sp = top;
}

void begun([[maybe_unused]] Fiber& host) {
#ifdef __SANITIZE_ADDRESS__
  const void* left = nullptr;
  std::size_t left_bytes = 0;
  __sanitizer_finish_switch_fiber(nullptr, &left, &left_bytes);
  if (host.stack == nullptr) {
    host.stack = static_cast<char*>(const_cast<void*>(left));
    host.stack_bytes = left_bytes;
  }
#endif
}

void adopt_host([[maybe_unused]] Fiber& host) {
#ifdef TEMPER_THREAD_FIBERS
  host.sanitizer = __tsan_get_current_fiber();
#endif
}

void switch_to(Fiber& from, Fiber& to) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&from.sanitizer, to.stack, to.stack_bytes);
#endif
#ifdef TEMPER_THREAD_FIBERS
  __tsan_switch_to_fiber(to.sanitizer, kOrdersNothing);
#endif
  temper_switch_fiber(&from.sp, to.sp);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(from.sanitizer, nullptr, nullptr);
#endif
}

#ifdef TEMPER_THREAD_FIBERS
void acquire(void* token) { __tsan_acquire(token); }
void release(void* token) { __tsan_release(token); }
#endif

}  // namespace temper::emulated
