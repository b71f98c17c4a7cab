// Chooses which CUDA thread goes on, in the order that was asked for.
#include "backends/cuda/emulated/thread_scheduler.h"

#include <utility>

#include "backends/cuda/emulated/thread_state.h"
#include "runtime/base/concat.h"

namespace temper::emulated {

Scheduler scheduler;

std::uint64_t next_random() {
  scheduler.random ^= scheduler.random << 13;
  scheduler.random ^= scheduler.random >> 7;
  scheduler.random ^= scheduler.random << 17;
  return scheduler.random;
}

std::string where(const Site& site) { return concat(site.what, " at ", site.file, ":", site.line); }

std::string name_of(const Thread& t) {
  const Index3& b = scheduler.running.block;
  return concat("thread (", t.index.x, ",", t.index.y, ",", t.index.z, ") of block (", b.x, ",",
                b.y, ",", b.z, ")");
}

namespace {

void take_up(Thread& thread) {
  scheduler.current = &thread;
  scheduler.running.thread = thread.index;
}

// The next to run: a ready thread's, or one that will take a thread that has not begun. Null when
// nobody can go on.
Fiber* next_fiber() {
  const bool random = scheduler.order == ThreadOrder::kRandom;
  if (!scheduler.ready.empty() && (scheduler.fresh.empty() || !random || next_random() % 2 == 0)) {
    const std::size_t i =
        random ? next_random() % scheduler.ready.size() : scheduler.ready.size() - 1;
    Thread* thread = scheduler.ready[i];
    scheduler.ready[i] = scheduler.ready.back();
    scheduler.ready.pop_back();
    take_up(*thread);
    return thread->fiber;
  }
  return scheduler.fresh.empty() ? nullptr : &free_fiber();
}

// One thread that has not begun, to its end.
void run_thread(Fiber& self) {
  Thread& next = scheduler.threads[scheduler.fresh.back().number];
  scheduler.fresh.pop_back();
  next.fiber = &self;
  next.state = Thread::kReady;
  take_up(next);
  if (scheduler.watched != nullptr) {
    acquire(&scheduler.begin_token);
  }
  scheduler.body(scheduler.context);
  if (scheduler.watched != nullptr) {
    release(&scheduler.end_token);
  }
  Thread& me = *scheduler.current;
  me.state = Thread::kDone;
  ++scheduler.done;
  Warp& warp = scheduler.warps[me.linear / 32];
  ++warp.done;
  if (scheduler.arrived > 0) {
    stop(concat(name_of(me), " has returned while others wait in ", where(scheduler.barrier)));
  }
  if (warp.arrived != 0) {
    stop(concat(name_of(me), " has returned while its warp waits in ", where(warp.site)));
  }
}

void fiber_main() {
  begun(scheduler.main);
  Fiber& self = *scheduler.started;
  // Threads that never wait run one after the other without a switch.
  do {
    run_thread(self);
  } while (scheduler.watched == nullptr && !scheduler.fresh.empty() &&
           (scheduler.ready.empty() || scheduler.order != ThreadOrder::kRandom));
  Fiber* next = next_fiber();
  if (scheduler.watched == nullptr) {
    scheduler.idle.push_back(&self);  // behind the choice: its stack is in use until the switch
  }
  switch_to(self, next == nullptr ? scheduler.main : *next);
}

}  // namespace

Fiber& free_fiber() {
  Fiber* fiber = nullptr;
  if (scheduler.watched != nullptr) {
    fiber = scheduler.watched->fibers[scheduler.fresh.back().number];
  } else if (scheduler.idle.empty()) {
    fiber = make_fiber(false);
  } else {
    fiber = scheduler.idle.back();
    scheduler.idle.pop_back();
  }
  prepare(*fiber, &fiber_main);
  scheduler.started = fiber;
  return *fiber;
}

void give_way() {
  Thread& me = *scheduler.current;
  if (scheduler.watched != nullptr) {
    release(&scheduler.end_token);  // the grid may end here, where another thread breaks a rule
  }
  Fiber* next = next_fiber();
  if (next == nullptr) {
    std::string what = "threads wait for each other for ever:";
    int shown = 0;
    for (const Thread& thread : scheduler.threads) {
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

[[noreturn]] void stop(std::string what) {
  scheduler.error = std::move(what);
  release(&scheduler.end_token);  // the text is read by who waits for the grid
  Fiber lost;                     // never resumed
  switch_to(scheduler.current != nullptr ? *scheduler.current->fiber : lost, scheduler.main);
  __builtin_unreachable();
}

void set_thread_order(ThreadOrder order, std::uint64_t seed) {
  scheduler.order = order;
  scheduler.seed = seed;
}

const Running& running() { return scheduler.running; }

}  // namespace temper::emulated
