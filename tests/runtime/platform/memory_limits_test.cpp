// Limits are read from files laid out as the kernel lays them out.
#include "runtime/platform/memory_limits.h"

#include <gtest/gtest.h>

#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/process.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

void write(const TemporaryFolder& root, const std::string& path, const std::string& text) {
  make_directories(folder_of(root.file(path)));
  write_file_atomically(root.file(path), text);
}

TEST(MemoryLimits, TakeAvailableMemoryNotFreeMemory) {
  const TemporaryFolder root;
  write(root, "proc/meminfo", "MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:     300 kB\n");
  EXPECT_EQ(available_machine_bytes(root.path()), 300 * 1024);
}

TEST(MemoryLimits, TakeTheTightestControlGroupOnTheWayUp) {
  const TemporaryFolder root;
  write(root, "proc/self/cgroup", "0::/job/step\n");
  write(root, "sys/fs/cgroup/job/step/memory.max", "max\n");
  write(root, "sys/fs/cgroup/job/step/memory.current", "500\n");
  write(root, "sys/fs/cgroup/job/memory.max", "2000\n");
  write(root, "sys/fs/cgroup/job/memory.current", "1500\n");
  write(root, "sys/fs/cgroup/job/memory.stat", "anon 100\ninactive_file 400\n");
  write(root, "sys/fs/cgroup/memory.max", "9000\n");
  write(root, "sys/fs/cgroup/memory.current", "1000\n");
  EXPECT_EQ(available_control_group_bytes(root.path()), 2000 - (1500 - 400));
}

TEST(MemoryLimits, ReadControlGroupsOfVersionOne) {
  const TemporaryFolder root;
  write(root, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n");
  write(root, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "4096\n");
  write(root, "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "1000\n");
  EXPECT_EQ(available_control_group_bytes(root.path()), 3096);
}

TEST(MemoryLimits, WithoutTheFilesThereIsNone) {
  const TemporaryFolder root;
  EXPECT_EQ(available_machine_bytes(root.path()), MemoryLimits::kNoLimit);
  EXPECT_EQ(available_control_group_bytes(root.path()), MemoryLimits::kNoLimit);
}

TEST(MemoryLimits, OfThisProcessAreFoundAndNamed) {
  const MemoryLimits limits = memory_limits();
  EXPECT_GT(limits.smallest(), 0);
  EXPECT_LT(limits.smallest(), MemoryLimits::kNoLimit);
  EXPECT_STRNE(limits.smallest_name(), "no known limit");
  EXPECT_GT(peak_resident_bytes(), 1 << 20);
}

}  // namespace
}  // namespace temper
