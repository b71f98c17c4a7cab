#include "backends/cuda/emulated/thread_scheduler.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
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
constexpr std::size_t kMaxSharedBytes = 227 * 1024;

struct Fiber {
  void* sp = nullptr;
  char* stack = nullptr;  // its lowest page is a guard
  void* sanitizer = nullptr;
};

struct Thread {
  Index3 index;
  unsigned linear = 0;
  Fiber* fiber = nullptr;
  enum { kNew, kReady, kAtBarrier, kAtWarp, kDone } state = kNew;
  Site site;
  unsigned warp_turn = 0;
};

struct Warp {
  Site site;
  unsigned arrived = 0, done = 0;
  std::size_t bytes = 0;
  alignas(16) unsigned char values[2][32 * 16];
};

// Exactly as long as was asked for, so that the address sanitizer sees what goes beyond.
struct SharedBytes {
  void operator()(unsigned char* bytes) const { ::operator delete[](bytes, std::align_val_t(16)); }
};

struct Scheduler {
  Running running;
  ThreadOrder order = ThreadOrder::kForward;
  std::uint64_t seed = 1, random = 1;
  std::vector<std::unique_ptr<Fiber>> fibers;  // all; `idle` are those without a thread
  std::vector<Fiber*> idle;
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<unsigned> fresh;  // not begun, taken from the back
  std::vector<Thread*> ready;
  Fiber main;
  Fiber* started = nullptr;  // the fiber that is begun next
  Thread* current = nullptr;
  unsigned arrived = 0, done = 0;
  Site barrier;
  std::unique_ptr<unsigned char[], SharedBytes> shared;
  std::size_t shared_bytes = 0;
  void (*body)(void*) = nullptr;
  void* context = nullptr;
  std::string error;
};

Scheduler s;

std::uint64_t next_random() {
  s.random ^= s.random << 13;
  s.random ^= s.random >> 7;
  s.random ^= s.random << 17;
  return s.random;
}

void switch_to(Fiber& from, Fiber& to) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(&from.sanitizer, to.stack, to.stack == nullptr ? 0 : kStackBytes);
#endif
  temper_switch_fiber(&from.sp, to.sp);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(from.sanitizer, nullptr, nullptr);
#endif
}

std::string where(const Site& site) { return concat(site.what, " at ", site.file, ":", site.line); }

std::string name_of(const Thread& t) {
  const Index3& b = s.running.block;
  return concat("thread (", t.index.x, ",", t.index.y, ",", t.index.z, ") of block (", b.x, ",",
                b.y, ",", b.z, ")");
}

void take_up(Thread& thread) {
  s.current = &thread;
  s.running.thread = thread.index;
}

void fiber_main();

Fiber& free_fiber() {
  if (s.idle.empty()) {
    auto fiber = std::make_unique<Fiber>();
    void* stack =
        mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TEMPER_CHECK(stack != MAP_FAILED, ErrorCode::kOutOfMemory, "no stack for an emulated thread");
    fiber->stack = static_cast<char*>(stack);
    mprotect(stack, kPageBytes, PROT_NONE);
    s.idle.push_back(fiber.get());
    s.fibers.push_back(std::move(fiber));
  }
  Fiber& fiber = *s.idle.back();
  s.idle.pop_back();
  auto** top = reinterpret_cast<void**>(fiber.stack + kStackBytes - 16);
  *--top = nullptr;                               // where fiber_main would return to
  *--top = reinterpret_cast<void*>(&fiber_main);  // where the switch returns to
  top -= 6;
  std::fill(top, top + 6, nullptr);
  fiber.sp = top;
  s.started = &fiber;
  return fiber;
}

// The next to run: a ready thread's, or one that will take a thread that has not begun. Null when
// nobody can go on.
Fiber* next_fiber() {
  const bool random = s.order == ThreadOrder::kRandom;
  if (!s.ready.empty() && (s.fresh.empty() || !random || next_random() % 2 == 0)) {
    const std::size_t i = random ? next_random() % s.ready.size() : s.ready.size() - 1;
    Thread* thread = s.ready[i];
    s.ready[i] = s.ready.back();
    s.ready.pop_back();
    take_up(*thread);
    return thread->fiber;
  }
  return s.fresh.empty() ? nullptr : &free_fiber();
}

[[noreturn]] void stop(std::string what) {
  s.error = std::move(what);
  Fiber lost;  // never resumed
  switch_to(s.current != nullptr ? *s.current->fiber : lost, s.main);
  __builtin_unreachable();
}

// One thread that has not begun, to its end.
void run_thread(Fiber& self) {
  Thread& begun = s.threads[s.fresh.back()];
  s.fresh.pop_back();
  begun.fiber = &self;
  begun.state = Thread::kReady;
  take_up(begun);
  s.body(s.context);
  Thread& me = *s.current;
  me.state = Thread::kDone;
  ++s.done;
  Warp& warp = s.warps[me.linear / 32];
  ++warp.done;
  if (s.arrived > 0) {
    stop(concat(name_of(me), " has returned while others wait in ", where(s.barrier)));
  }
  if (warp.arrived != 0) {
    stop(concat(name_of(me), " has returned while its warp waits in ", where(warp.site)));
  }
}

void fiber_main() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
  Fiber& self = *s.started;
  // Threads that never wait run one after the other without a switch.
  do {
    run_thread(self);
  } while (!s.fresh.empty() && (s.ready.empty() || s.order != ThreadOrder::kRandom));
  Fiber* next = next_fiber();
  s.idle.push_back(&self);  // behind the choice: its stack is in use until the switch
  switch_to(self, next == nullptr ? s.main : *next);
}

void give_way() {
  Thread& me = *s.current;
  Fiber* next = next_fiber();
  if (next == nullptr) {
    std::string what = "threads wait for each other for ever:";
    int shown = 0;
    for (const Thread& thread : s.threads) {
      const bool waits = thread.state == Thread::kAtBarrier || thread.state == Thread::kAtWarp;
      if (waits && shown++ < 4) {
        what += concat("\n  ", name_of(thread), " in ", where(thread.site));
      }
    }
    stop(std::move(what));
  }
  if (next != me.fiber) {
    switch_to(*me.fiber, *next);
  }
}

void release_waiting(int state, unsigned first, unsigned last) {
  for (unsigned i = first; i < last; ++i) {
    if (s.threads[i].state == state) {
      s.threads[i].state = Thread::kReady;
      s.ready.push_back(&s.threads[i]);
    }
  }
  if (s.order == ThreadOrder::kForward) {
    std::reverse(s.ready.end() - (last - first), s.ready.end());
  }
}

bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

bool same(const Site& a, const Site& b) {
  return a.line == b.line && same(a.file, b.file) && same(a.what, b.what);
}

Index3 index_in(std::uint64_t i, const Index3& size) {
  return {static_cast<unsigned>(i % size.x), static_cast<unsigned>(i / size.x % size.y),
          static_cast<unsigned>(i / size.x / size.y)};
}

void prepare_block(unsigned count) {
  s.threads.resize(count);
  s.warps.resize(count / 32);
  s.fresh.clear();
  s.ready.clear();
  for (unsigned i = 0; i < count; ++i) {
    s.threads[i] = {};
    s.threads[i].index = index_in(i, s.running.block_size);
    s.threads[i].linear = i;
    s.fresh.push_back(s.order == ThreadOrder::kBackward ? i : count - 1 - i);
  }
  if (s.order == ThreadOrder::kRandom) {
    for (unsigned i = count; i > 1; --i) {
      std::swap(s.fresh[i - 1], s.fresh[next_random() % i]);
    }
  }
  for (Warp& warp : s.warps) {
    warp.arrived = warp.done = 0;
  }
  s.arrived = s.done = 0;
  if (s.shared_bytes != 0) {
    s.shared.reset(
        static_cast<unsigned char*>(::operator new[](s.shared_bytes, std::align_val_t(16))));
    std::memset(s.shared.get(), 0xff, s.shared_bytes);
  }
  s.current = nullptr;
}

void check_launch(const Index3& grid, const Index3& block, std::size_t shared_bytes) {
  const unsigned count = block.x * block.y * block.z;
  TEMPER_ASSERT(count > 0 && count <= 1024 && block.z <= 64, "a block of ", count, " threads");
  TEMPER_ASSERT(count % 32 == 0, "a block must be whole warps, not ", count, " threads");
  TEMPER_ASSERT(grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= 0x7fffffffu &&
                    grid.y <= 65535 && grid.z <= 65535,
                "a grid of ", grid.x, " x ", grid.y, " x ", grid.z, " blocks");
  TEMPER_ASSERT(shared_bytes <= kMaxSharedBytes, "shared memory of ", shared_bytes, " bytes");
}

}  // namespace

const Running& running() { return s.running; }

void set_thread_order(ThreadOrder order, std::uint64_t seed) {
  s.order = order;
  s.seed = seed;
}

unsigned lane() { return s.current->linear % 32; }

void block_barrier(const Site& site) {
  Thread& me = *s.current;
  const auto total = static_cast<unsigned>(s.threads.size());
  if (s.done > 0) {
    stop(concat(name_of(me), " waits in ", where(site),
                " although other threads of its block have returned"));
  }
  if (s.arrived == 0) {
    s.barrier = site;
  }
  if (!same(s.barrier, site)) {
    stop(concat("divergent barrier: ", name_of(me), " is in ", where(site), ", others in ",
                where(s.barrier)));
  }
  me.site = site;
  me.state = Thread::kAtBarrier;
  if (++s.arrived == total) {
    s.arrived = 0;
    release_waiting(Thread::kAtBarrier, 0, total);
  }
  give_way();
}

const unsigned char* warp_exchange(const Site& site, unsigned mask, const void* value,
                                   std::size_t bytes) {
  Thread& me = *s.current;
  const unsigned first = me.linear / 32 * 32;
  Warp& warp = s.warps[me.linear / 32];
  if (mask != 0xffffffffu) {
    stop(concat(where(site), " needs the full mask, ", name_of(me)));
  }
  if (warp.done != 0) {
    stop(concat(name_of(me), " waits in ", where(site),
                " although others of its warp have returned"));
  }
  if (warp.arrived == 0) {
    warp.site = site;
    warp.bytes = bytes;
  }
  if (!same(warp.site, site) || warp.bytes != bytes) {
    stop(concat("divergent warp: ", name_of(me), " is in ", where(site), ", others in ",
                where(warp.site)));
  }
  const unsigned turn = me.warp_turn++ & 1;
  if (bytes > 0) {
    std::memcpy(warp.values[turn] + 16 * (me.linear % 32), value, bytes);
  }
  me.site = site;
  me.state = Thread::kAtWarp;
  warp.arrived |= 1u << (me.linear % 32);
  if (warp.arrived == 0xffffffffu) {
    warp.arrived = 0;
    release_waiting(Thread::kAtWarp, first, first + 32);
  }
  give_way();
  return warp.values[turn];
}

void* shared_memory(std::size_t needed) {
  if (needed > s.shared_bytes) {
    stop(concat("a kernel takes ", needed, " bytes of shared memory, its launch gave ",
                s.shared_bytes));
  }
  return s.shared.get();
}

void run_grid(Index3 grid, Index3 block, std::size_t shared_bytes, void (*body)(void*),
              void* context) {
  check_launch(grid, block, shared_bytes);
  s.body = body;
  s.context = context;
  s.shared_bytes = shared_bytes;
  s.random = s.seed * 0x9E3779B97F4A7C15ull + 1;
  s.running.grid_size = grid;
  s.running.block_size = block;
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  for (std::uint64_t n = 0; n < blocks; ++n) {
    const std::uint64_t b = s.order == ThreadOrder::kBackward ? blocks - 1 - n : n;
    s.running.block = index_in(b, grid);
    prepare_block(block.x * block.y * block.z);
    switch_to(s.main, free_fiber());
    s.current = nullptr;
    if (!s.error.empty()) {
      // Stacks in use are given up.
      for (auto& fiber : s.fibers) {
        static_cast<void>(fiber.release());
      }
      s.fibers.clear();
      s.idle.clear();
      fail(ErrorCode::kInternal, std::exchange(s.error, {}));
    }
  }
}

}  // namespace temper::emulated
