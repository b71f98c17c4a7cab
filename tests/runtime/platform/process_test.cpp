// Environment, processors, terminal and calendar.
#include "runtime/platform/process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <thread>

#include "runtime/platform/clock.h"
#include "runtime/platform/terminal.h"
#include "runtime/platform/threads.h"

namespace temper {
namespace {

TEST(Environment, IsFoundByNameAndByPrefix) {
  ::setenv("TEMPER_PLATFORMTEST_B", "2=3", 1);
  ::setenv("TEMPER_PLATFORMTEST_A", "", 1);
  EXPECT_EQ(environment("TEMPER_PLATFORMTEST_B").value(), "2=3");
  EXPECT_FALSE(environment("TEMPER_PLATFORMTEST_C").has_value());
  const auto found = environment_with_prefix("TEMPER_PLATFORMTEST_");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0], std::make_pair(std::string("TEMPER_PLATFORMTEST_A"), std::string()));
  EXPECT_EQ(found[1].second, "2=3");
  ::unsetenv("TEMPER_PLATFORMTEST_A");
  ::unsetenv("TEMPER_PLATFORMTEST_B");
}

TEST(Processors, FollowTheAffinityMask) {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  const int before = available_processors();
  EXPECT_GE(before, 1);
  EXPECT_LE(before, CPU_COUNT(&all));
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
    if (CPU_ISSET(i, &all)) {
      CPU_SET(i, &one);
    }
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(available_processors(), 1);
  ::sched_setaffinity(0, sizeof all, &all);
  EXPECT_EQ(available_processors(), before);
}

TEST(Processors, ShortTurnsLeaveThePolicyAndTheNicenessAlone) {
  std::thread([] {
    const int policy = ::sched_getscheduler(0);
    const int nice = ::getpriority(PRIO_PROCESS, 0);
    ask_for_short_turns();
    EXPECT_EQ(::sched_getscheduler(0), policy);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), nice);
  }).join();
}

TEST(Terminal, WidthIsNeverZero) {
  EXPECT_GT(terminal_width(OutputStream::kStdout), 0);
  if (!is_terminal(OutputStream::kStderr)) {
    EXPECT_FALSE(use_color(OutputStream::kStderr));
    EXPECT_EQ(terminal_width(OutputStream::kStderr), 80);
  }
}

TEST(Clock, WritesTheCalendarInUtc) {
  EXPECT_EQ(utc_text(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_text(951782400), "2000-02-29T00:00:00Z");
  EXPECT_GT(unix_seconds(), 1.6e9);
  const double before = steady_seconds();
  EXPECT_GE(steady_seconds(), before);
}

}  // namespace
}  // namespace temper
