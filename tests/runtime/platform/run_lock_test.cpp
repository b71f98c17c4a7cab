// One process per run folder.
#include "runtime/platform/run_lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "runtime/base/error.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

TEST(RunLock, RefusesASecondHolderUntilTheFirstLetsGo) {
  const TemporaryFolder folder;
  {
    const RunLock first(folder.path());
    try {
      const RunLock second(folder.path());
      FAIL() << "two holders";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kIo);
      EXPECT_NE(error.message().find("in use"), std::string::npos) << error.message();
    }
  }
  EXPECT_NO_THROW(RunLock{folder.path()});
}

// As from another host, which the lock of the folder does not reach.
TEST(RunLock, IsRefusedWhileTheFileIsHeldElsewhere) {
  const TemporaryFolder folder;
  const FileDescriptor elsewhere =
      open_path(folder.file("metrics.jsonl"), O_CREAT | O_WRONLY, 0666);
  ASSERT_EQ(try_lock(elsewhere), 0);
  EXPECT_THROW(RunLock(folder.path(), "metrics.jsonl"), Error);
  EXPECT_NO_THROW(RunLock{folder.path()});
}

TEST(RunLock, NamesAMissingFolder) { EXPECT_THROW(RunLock("/nonexistent/run"), Error); }

}  // namespace
}  // namespace temper
