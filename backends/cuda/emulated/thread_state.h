// What the emulated device knows of the grid that runs: its threads, the block's warps and barrier,
// who can go on. Shared by the files that run grids (thread_grid), let threads wait (thread_waits)
// and choose who is next (thread_scheduler). With the thread sanitizer all three are compiled
// without it.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "backends/cuda/emulated/fibers.h"
#include "backends/cuda/emulated/thread_scheduler.h"

namespace temper::emulated {

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
inline constexpr unsigned kWatchedBlocks = 4;

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

// Of the process.
extern Scheduler scheduler;

std::uint64_t next_random();
std::string where(const Site& site);
std::string name_of(const Thread& thread);

// The fiber of the thread that begins next.
Fiber& free_fiber();
// Another thread goes on; this one when it is ready again.
void give_way();
// Ends the grid: run_grid() fails with this text.
[[noreturn]] void stop(std::string what);

}  // namespace temper::emulated
