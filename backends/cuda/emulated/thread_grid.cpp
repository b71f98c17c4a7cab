// Runs a grid, block by block.
#include <algorithm>
#include <cstring>
#include <utility>

#include "backends/cuda/emulated/thread_scheduler.h"
#include "backends/cuda/emulated/thread_state.h"
#include "runtime/base/error.h"

namespace temper::emulated {
namespace {

constexpr std::size_t kMaxSharedBytes = 227 * 1024;

Index3 index_in(std::uint64_t i, const Index3& size) {
  return {static_cast<unsigned>(i % size.x), static_cast<unsigned>(i / size.x % size.y),
          static_cast<unsigned>(i / size.x / size.y)};
}

void make_shared_memory() {
  if (!scheduler.shared.empty() && !scheduler.keeps_shared) {
    scheduler.shared.pop_back();
  }
  scheduler.keeps_shared = scheduler.watched != nullptr;
  scheduler.shared.emplace_back(
      static_cast<unsigned char*>(::operator new[](scheduler.shared_bytes, std::align_val_t(16))));
  std::memset(scheduler.shared.back().get(), 0xff, scheduler.shared_bytes);
}

void prepare_block(unsigned count) {
  scheduler.threads.resize(count);
  scheduler.warps.resize(count / 32);
  scheduler.fresh.clear();
  scheduler.ready.clear();
  scheduler.ready.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    scheduler.threads[i] = {};
    scheduler.threads[i].index = index_in(i, scheduler.running.block_size);
    scheduler.threads[i].linear = i;
    scheduler.fresh.push_back({scheduler.order == ThreadOrder::kBackward ? i : count - 1 - i});
  }
  if (scheduler.order == ThreadOrder::kRandom) {
    for (unsigned i = count; i > 1; --i) {
      std::swap(scheduler.fresh[i - 1], scheduler.fresh[next_random() % i]);
    }
  }
  for (Warp& warp : scheduler.warps) {
    warp.arrived = warp.done = 0;
  }
  scheduler.arrived = scheduler.done = scheduler.barriers = 0;
  if (scheduler.shared_bytes != 0) {
    make_shared_memory();
  }
  scheduler.current = nullptr;
  if (scheduler.watched != nullptr) {
    // Made here: whoever makes a fiber is ordered before it.
    while (scheduler.watched->fibers.size() < count) {
      scheduler.watched->fibers.push_back(make_fiber(true));
    }
    release(&scheduler.begin_token);
  }
}

// Of the n-th block that runs, of so many.
WatchedBlock* watched_block(std::uint64_t n, std::uint64_t blocks) {
  if (n < kWatchedBlocks / 2) {
    return &scheduler.watched_blocks[n];
  }
  const std::uint64_t left = blocks - 1 - n;
  return left < kWatchedBlocks / 2 ? &scheduler.watched_blocks[kWatchedBlocks - 1 - left] : nullptr;
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

void watch_launches(unsigned count) { scheduler.watched_launches = count; }

std::vector<LaunchedKernel> launched_kernels() {
  std::vector<LaunchedKernel> kernels;
  for (const auto& [function, kernel] : scheduler.kernels) {
    kernels.push_back(kernel);
  }
  return kernels;
}

void* shared_memory(std::size_t needed) {
  if (needed > scheduler.shared_bytes) {
    stop(concat("a kernel takes ", needed, " bytes of shared memory, its launch gave ",
                scheduler.shared_bytes));
  }
  return scheduler.shared.back().get();
}

void run_grid(const void* kernel, Index3 grid, Index3 block, std::size_t shared_bytes,
              void (*body)(void*), void* context) {
  check_launch(grid, block, shared_bytes);
  scheduler.body = body;
  scheduler.context = context;
  scheduler.shared_bytes = shared_bytes;
  scheduler.random = scheduler.seed * 0x9E3779B97F4A7C15ull + 1;
  scheduler.running.grid_size = grid;
  scheduler.running.block_size = block;
  LaunchedKernel& launched = scheduler.kernels[kernel];
  launched.function = kernel;
  ++launched.launches;
  const bool is_watched = kThreadsWatched && launched.watched < scheduler.watched_launches;
  launched.watched += is_watched ? 1 : 0;
  adopt_host(scheduler.main);
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  for (std::uint64_t n = 0; n < blocks; ++n) {
    const std::uint64_t b = scheduler.order == ThreadOrder::kBackward ? blocks - 1 - n : n;
    scheduler.running.block = index_in(b, grid);
    scheduler.watched = is_watched ? watched_block(n, blocks) : nullptr;
    prepare_block(block.x * block.y * block.z);
    switch_to(scheduler.main, free_fiber());
    scheduler.current = nullptr;
    if (!scheduler.error.empty()) {
      acquire(&scheduler.end_token);
      // Stacks in use are given up.
      scheduler.idle.clear();
      scheduler.watched_blocks = {};
      scheduler.shared.clear();
      fail(ErrorCode::kInternal, std::exchange(scheduler.error, {}));
    }
  }
  if (is_watched) {
    acquire(&scheduler.end_token);
  }
  scheduler.shared.clear();
}

}  // namespace temper::emulated
