// Stacks that take turns on one thread of the host, as the sanitizers are to see them: for the
// address sanitizer each is a stack of its own; for the thread sanitizer (a build with
// TEMPER_THREAD_FIBERS) each is a thread, which only acquire() and release() order. With the thread
// sanitizer this file and thread_*.cpp are compiled without it: what they share is theirs.
#pragma once

#include <cstddef>

namespace temper::emulated {

struct Fiber {
  void* sp = nullptr;
  char* stack = nullptr;  // its lowest page is a guard, where it is not the host's
  std::size_t stack_bytes = 0;
  void* sanitizer = nullptr;  // what the sanitizer knows it by
};

#ifdef TEMPER_THREAD_FIBERS
inline constexpr bool kThreadsWatched = true;
#else
inline constexpr bool kThreadsWatched = false;
#endif

// A stack that is never given back. `is_watched`: the thread sanitizer sees what it reads and
// writes; all that are not watched are one thread to it.
Fiber* make_fiber(bool is_watched);
// Lets it begin at `main`, which calls begun() first and never returns.
void prepare(Fiber& fiber, void (*main)());
// `host`: what the first of all fibers was begun from.
void begun(Fiber& host);
// What runs now becomes a fiber that others can switch to.
void adopt_host(Fiber& host);
void switch_to(Fiber& from, Fiber& to);

// What was done before release() is ordered before what is done after acquire() of the same token.
#ifdef TEMPER_THREAD_FIBERS
void acquire(void* token);
void release(void* token);
#else
inline void acquire(void*) {}
inline void release(void*) {}
#endif

}  // namespace temper::emulated
