// Runs the grid of a kernel on the host: one block after the other, each CUDA thread a fiber that
// gives way at barriers and warp operations. What a GPU would not say is said here: barriers that
// not all threads reach, warp operations that not the whole warp reaches, shared memory that is
// read before it is written (it is full of NaN), and, run in several orders of threads, results
// that depend on the order. Threading: one thread of the host.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace temper::emulated {

struct Index3 {
  unsigned x = 0, y = 0, z = 0;
};

struct Running {
  Index3 thread, block, block_size, grid_size;
};
const Running& running();

enum class ThreadOrder { kForward, kBackward, kRandom };
void set_thread_order(ThreadOrder order, std::uint64_t seed = 1);

// In a build with the thread sanitizer: so many launches of each kernel are watched, the first
// ones, and of their blocks the first two and the last two. A watched thread takes a hundred times
// as long.
void watch_launches(unsigned count);

// Since the program began.
struct LaunchedKernel {
  const void* function = nullptr;
  std::uint64_t launches = 0, watched = 0;
};
std::vector<LaunchedKernel> launched_kernels();

// A synchronisation point in a kernel.
struct Site {
  const char* what = "";
  const char* file = "";
  int line = 0;
};

// Waits for all threads of the block. Every thread must come from the same line.
void block_barrier(const Site& site);
// Hands `bytes` (at most 16) of each lane to the whole warp; gives the warp's 32 values, 16 bytes
// each, valid until the next warp operation of this thread. All 32 lanes must take part, from the
// same line.
const unsigned char* warp_exchange(const Site& site, unsigned mask, const void* value,
                                   std::size_t bytes);
// The block's, as long as the launch asked for.
void* shared_memory(std::size_t needed);
unsigned lane();

// Runs body(context), which calls `kernel`, for every thread of the grid. THROWS: kInternal naming
// thread, block and line of a broken rule.
void run_grid(const void* kernel, Index3 grid, Index3 block, std::size_t shared_bytes,
              void (*body)(void*), void* context);

}  // namespace temper::emulated
