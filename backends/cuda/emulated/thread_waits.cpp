// Barriers and warp operations: where threads wait for each other.
#include <algorithm>
#include <cstring>

#include "backends/cuda/emulated/thread_scheduler.h"
#include "backends/cuda/emulated/thread_state.h"
#include "runtime/base/concat.h"

namespace temper::emulated {
namespace {

void release_waiting(int state, unsigned first, unsigned last) {
  for (unsigned i = first; i < last; ++i) {
    if (scheduler.threads[i].state == state) {
      scheduler.threads[i].state = Thread::kReady;
      scheduler.ready.push_back(&scheduler.threads[i]);
    }
  }
  if (scheduler.order == ThreadOrder::kForward) {
    std::reverse(scheduler.ready.end() - (last - first), scheduler.ready.end());
  }
}

bool same(const char* a, const char* b) { return a == b || std::strcmp(a, b) == 0; }

bool same(const Site& a, const Site& b) {
  return a.line == b.line && same(a.file, b.file) && same(a.what, b.what);
}

}  // namespace

unsigned lane() { return scheduler.current->linear % 32; }

void block_barrier(const Site& site) {
  Thread& me = *scheduler.current;
  const auto total = static_cast<unsigned>(scheduler.threads.size());
  if (scheduler.done > 0) {
    stop(concat(name_of(me), " waits in ", where(site),
                " although other threads of its block have returned"));
  }
  if (scheduler.arrived == 0) {
    scheduler.barrier = site;
  }
  if (!same(scheduler.barrier, site)) {
    stop(concat("divergent barrier: ", name_of(me), " is in ", where(site), ", others in ",
                where(scheduler.barrier)));
  }
  me.site = site;
  me.state = Thread::kAtBarrier;
  char* token =
      scheduler.watched == nullptr ? nullptr : &scheduler.watched->barrier[scheduler.barriers % 2];
  if (token != nullptr) {
    release(token);
  }
  if (++scheduler.arrived == total) {
    scheduler.arrived = 0;
    ++scheduler.barriers;
    release_waiting(Thread::kAtBarrier, 0, total);
  }
  give_way();
  if (token != nullptr) {
    acquire(token);
  }
}

const unsigned char* warp_exchange(const Site& site, unsigned mask, const void* value,
                                   std::size_t bytes) {
  Thread& me = *scheduler.current;
  const unsigned first = me.linear / 32 * 32;
  Warp& warp = scheduler.warps[me.linear / 32];
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
  // No memcpy: the thread sanitizer would take it for the kernel'scheduler.
  volatile unsigned char* slot = warp.values[turn] + 16 * (me.linear % 32);
  for (std::size_t i = 0; i < bytes; ++i) {
    slot[i] = static_cast<const unsigned char*>(value)[i];
  }
  char* token =
      scheduler.watched == nullptr ? nullptr : &scheduler.watched->warps[me.linear / 32][turn];
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

}  // namespace temper::emulated
