// The first stop signal sets a flag, the second one ends the process.
#include "runtime/platform/signals.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime/base/error.h"

namespace temper {
namespace {

TEST(StopSignals, RemembersTheFirstOfEachKind) {
  for (const int number : {SIGTERM, SIGINT, SIGUSR1}) {
    const StopSignals signals;
    EXPECT_FALSE(signals.requested());
    ::raise(number);
    EXPECT_TRUE(signals.requested());
    EXPECT_EQ(signals.signal_number(), number);
  }
}

TEST(StopSignals, NamesTheSignal) {
  const StopSignals signals;
  EXPECT_STREQ(signals.signal_name(), "");
  ::raise(SIGUSR1);
  EXPECT_STREQ(signals.signal_name(), "SIGUSR1");
}

TEST(StopSignalsDeathTest, ASecondOneExitsAtOnce) {
  EXPECT_EXIT(
      {
        const StopSignals signals;
        ::raise(SIGTERM);
        ::raise(SIGINT);
      },
      testing::ExitedWithCode(128 + SIGINT), "");
}

TEST(StopSignals, AWriteToAClosedPipeIsAnErrorNotTheEnd) {
  const StopSignals signals;
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
  EXPECT_FALSE(signals.requested());
}

TEST(StopSignals, PutsTheFormerHandlersBack) {
  struct sigaction before{};
  struct sigaction after{};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignals signals;
  }
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST(StopSignals, AreWatchedByOneObjectOnly) {
  const StopSignals signals;
  EXPECT_THROW(StopSignals{}, Error);
}

}  // namespace
}  // namespace temper
