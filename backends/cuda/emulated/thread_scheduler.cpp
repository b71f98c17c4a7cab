#include "backends/cuda/emulated/thread_scheduler.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "backends/cuda/emulated/fibers.h"
#include "runtime/base/error.h"

namespace temper::emulated {
namespace {

constexpr std::size_t kMaxSharedBytes = 227 * 1024;

struct Thread {
  Index3 index;
  unsigned linear = 0;
  Fiber* fiber = nullptr;
  enum { kNew, kReady, kAtBarrier, kAtWarp, kDone } state = kNew;
  Site site;
  unsigned warp_turn = 0;
};

// A type of this file, so that its vector is not one that watched code has, too.
struct Fresh {
  unsigned number;
};

struct Warp {
  Site site;
  unsigned arrived = 0, done = 0;
  std::size_t bytes = 0;
  alignas(16) unsigned char values[2][32 * 16];
};

// Blocks of a grid whose threads the thread sanitizer watches: the first two and the last two.
constexpr unsigned kWatchedBlocks = 4;

// One of them. Its threads keep their fibers from launch to launch, which one after the other the
// launching thread orders; another block's threads have others, which nothing orders.
struct WatchedBlock {
  std::vector<Fiber*> fibers;  // by the thread's number in its block
  std::array<char, 2> barrier;
  std::array<std::array<char, 2>, 32> warps;
};

// Exactly as long as was asked for, so that the address sanitizer sees what goes beyond.
struct SharedBytes {
  void operator()(unsigned char* bytes) const { ::operator delete[](bytes, std::align_val_t(16)); }
};

struct Scheduler {
  Running running;
  ThreadOrder order = ThreadOrder::kForward;
  std::uint64_t seed = 1, random = 1;
  std::vector<Fiber*> idle;  // without a thread
  std::vector<Thread> threads;
  std::vector<Warp> warps;
  std::vector<Fresh> fresh;  // not begun, taken from the back
  std::vector<Thread*> ready;
  Fiber main;
  Fiber* started = nullptr;  // the fiber that is begun next
  Thread* current = nullptr;
  unsigned arrived = 0, done = 0, barriers = 0;
  Site barrier;
  // Of the running block, and of the watched ones before it: freeing is an access, too.
  std::vector<std::unique_ptr<unsigned char[], SharedBytes>> shared;
  bool keeps_shared = false;  // the last one
  std::size_t shared_bytes = 0;
  std::array<WatchedBlock, kWatchedBlocks> watched_blocks;
  WatchedBlock* watched = nullptr;  // the running block, if it is
  char begin_token = 0, end_token = 0;
  unsigned watched_launches = 4;
  std::map<const void*, LaunchedKernel> kernels;
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
  Fiber* fiber = nullptr;
  if (s.watched != nullptr) {
    fiber = s.watched->fibers[s.fresh.back().number];
  } else if (s.idle.empty()) {
    fiber = make_fiber(false);
  } else {
    fiber = s.idle.back();
    s.idle.pop_back();
  }
  prepare(*fiber, &fiber_main);
  s.started = fiber;
  return *fiber;
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
  release(&s.end_token);  // the text is read by who waits for the grid
  Fiber lost;             // never resumed
  switch_to(s.current != nullptr ? *s.current->fiber : lost, s.main);
  __builtin_unreachable();
}

// One thread that has not begun, to its end.
void run_thread(Fiber& self) {
  Thread& next = s.threads[s.fresh.back().number];
  s.fresh.pop_back();
  next.fiber = &self;
  next.state = Thread::kReady;
  take_up(next);
  if (s.watched != nullptr) {
    acquire(&s.begin_token);
  }
  s.body(s.context);
  if (s.watched != nullptr) {
    release(&s.end_token);
  }
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
  begun(s.main);
  Fiber& self = *s.started;
  // Threads that never wait run one after the other without a switch.
  do {
    run_thread(self);
  } while (s.watched == nullptr && !s.fresh.empty() &&
           (s.ready.empty() || s.order != ThreadOrder::kRandom));
  Fiber* next = next_fiber();
  if (s.watched == nullptr) {
    s.idle.push_back(&self);  // behind the choice: its stack is in use until the switch
  }
  switch_to(self, next == nullptr ? s.main : *next);
}

void give_way() {
  Thread& me = *s.current;
  if (s.watched != nullptr) {
    release(&s.end_token);  // the grid may end here, where another thread breaks a rule
  }
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

void make_shared_memory() {
  if (!s.shared.empty() && !s.keeps_shared) {
    s.shared.pop_back();
  }
  s.keeps_shared = s.watched != nullptr;
  s.shared.emplace_back(
      static_cast<unsigned char*>(::operator new[](s.shared_bytes, std::align_val_t(16))));
  std::memset(s.shared.back().get(), 0xff, s.shared_bytes);
}

void prepare_block(unsigned count) {
  s.threads.resize(count);
  s.warps.resize(count / 32);
  s.fresh.clear();
  s.ready.clear();
  s.ready.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    s.threads[i] = {};
    s.threads[i].index = index_in(i, s.running.block_size);
    s.threads[i].linear = i;
    s.fresh.push_back({s.order == ThreadOrder::kBackward ? i : count - 1 - i});
  }
  if (s.order == ThreadOrder::kRandom) {
    for (unsigned i = count; i > 1; --i) {
      std::swap(s.fresh[i - 1], s.fresh[next_random() % i]);
    }
  }
  for (Warp& warp : s.warps) {
    warp.arrived = warp.done = 0;
  }
  s.arrived = s.done = s.barriers = 0;
  if (s.shared_bytes != 0) {
    make_shared_memory();
  }
  s.current = nullptr;
  if (s.watched != nullptr) {
    // Made here: whoever makes a fiber is ordered before it.
    while (s.watched->fibers.size() < count) {
      s.watched->fibers.push_back(make_fiber(true));
    }
    release(&s.begin_token);
  }
}

// Of the n-th block that runs, of so many.
WatchedBlock* watched_block(std::uint64_t n, std::uint64_t blocks) {
  if (n < kWatchedBlocks / 2) {
    return &s.watched_blocks[n];
  }
  const std::uint64_t left = blocks - 1 - n;
  return left < kWatchedBlocks / 2 ? &s.watched_blocks[kWatchedBlocks - 1 - left] : nullptr;
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

void watch_launches(unsigned count) { s.watched_launches = count; }

std::vector<LaunchedKernel> launched_kernels() {
  std::vector<LaunchedKernel> kernels;
  for (const auto& [function, kernel] : s.kernels) {
    kernels.push_back(kernel);
  }
  return kernels;
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
  char* token = s.watched == nullptr ? nullptr : &s.watched->barrier[s.barriers % 2];
  if (token != nullptr) {
    release(token);
  }
  if (++s.arrived == total) {
    s.arrived = 0;
    ++s.barriers;
    release_waiting(Thread::kAtBarrier, 0, total);
  }
  give_way();
  if (token != nullptr) {
    acquire(token);
  }
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
  // No memcpy: the thread sanitizer would take it for the kernel's.
  volatile unsigned char* slot = warp.values[turn] + 16 * (me.linear % 32);
  for (std::size_t i = 0; i < bytes; ++i) {
    slot[i] = static_cast<const unsigned char*>(value)[i];
  }
  char* token = s.watched == nullptr ? nullptr : &s.watched->warps[me.linear / 32][turn];
  if (token != nullptr) {
    release(token);
  }
  me.site = site;
  me.state = Thread::kAtWarp;
  warp.arrived |= 1u << (me.linear % 32);
  if (warp.arrived == 0xffffffffu) {
    warp.arrived = 0;
    release_waiting(Thread::kAtWarp, first, first + 32);
  }
  give_way();
  if (token != nullptr) {
    acquire(token);
  }
  return warp.values[turn];
}

void* shared_memory(std::size_t needed) {
  if (needed > s.shared_bytes) {
    stop(concat("a kernel takes ", needed, " bytes of shared memory, its launch gave ",
                s.shared_bytes));
  }
  return s.shared.back().get();
}

void run_grid(const void* kernel, Index3 grid, Index3 block, std::size_t shared_bytes,
              void (*body)(void*), void* context) {
  check_launch(grid, block, shared_bytes);
  s.body = body;
  s.context = context;
  s.shared_bytes = shared_bytes;
  s.random = s.seed * 0x9E3779B97F4A7C15ull + 1;
  s.running.grid_size = grid;
  s.running.block_size = block;
  LaunchedKernel& launched = s.kernels[kernel];
  launched.function = kernel;
  ++launched.launches;
  const bool is_watched = kThreadsWatched && launched.watched < s.watched_launches;
  launched.watched += is_watched ? 1 : 0;
  adopt_host(s.main);
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  for (std::uint64_t n = 0; n < blocks; ++n) {
    const std::uint64_t b = s.order == ThreadOrder::kBackward ? blocks - 1 - n : n;
    s.running.block = index_in(b, grid);
    s.watched = is_watched ? watched_block(n, blocks) : nullptr;
    prepare_block(block.x * block.y * block.z);
    switch_to(s.main, free_fiber());
    s.current = nullptr;
    if (!s.error.empty()) {
      acquire(&s.end_token);
      // Stacks in use are given up.
      s.idle.clear();
      s.watched_blocks = {};
      s.shared.clear();
      fail(ErrorCode::kInternal, std::exchange(s.error, {}));
    }
  }
  if (is_watched) {
    acquire(&s.end_token);
  }
  s.shared.clear();
}

}  // namespace temper::emulated
