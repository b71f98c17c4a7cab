// Shares of the processors, and the times they are made of.
#include "runtime/platform/processor_load.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "runtime/platform/threads.h"

namespace temper {
namespace {

TEST(ProcessorLoad, IsWhatOthersUsedOverTheTimeThatPassed) {
  const ProcessorTimes before{.wall = 10, .busy = 100, .own = 4};
  EXPECT_DOUBLE_EQ(processors_used_elsewhere(before, {.wall = 12, .busy = 103, .own = 5}), 1);
  EXPECT_DOUBLE_EQ(processors_used_elsewhere(before, {.wall = 12, .busy = 101, .own = 5}), 0);
  // Counts are rounded: what this process used may be more than all.
  EXPECT_DOUBLE_EQ(processors_used_elsewhere(before, {.wall = 12, .busy = 101, .own = 5.5}), 0);
  EXPECT_DOUBLE_EQ(processors_used_elsewhere(before, before), 0);
  // Where /proc says nothing.
  EXPECT_DOUBLE_EQ(processors_used_elsewhere({.wall = 1}, {.wall = 2, .own = 1}), 0);
  EXPECT_FALSE(is_busy_elsewhere(0.2, 2));
  EXPECT_TRUE(is_busy_elsewhere(0.3, 2));
  EXPECT_FALSE(is_busy_elsewhere(0.3, 4));
}

TEST(ProcessorLoad, CountsThisProcessAmongAll) {
  const ProcessorTimes before = processor_times();
  ProcessorTimes after = before;
  for (volatile double sink = 0; after.own - before.own < 0.05; after = processor_times()) {
    for (int i = 0; i < 1000000; ++i) {
      sink = sink + i;
    }
  }
  EXPECT_GT(after.wall, before.wall);
  if (before.busy > 0) {  // /proc/stat tells
    EXPECT_GT(after.busy, before.busy);
  }
  EXPECT_GE(processors_used_elsewhere(before, after), 0);
}

TEST(ProcessorLoad, AllowedProcessorsAreAscendingNumbers) {
  const std::vector<int> allowed = allowed_processors();
  ASSERT_FALSE(allowed.empty());
  EXPECT_TRUE(std::is_sorted(allowed.begin(), allowed.end()));
  EXPECT_GE(allowed.front(), 0);
}

}  // namespace
}  // namespace temper
