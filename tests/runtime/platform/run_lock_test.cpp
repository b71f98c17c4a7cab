// One process per run folder.
#include "runtime/platform/run_lock.h"

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

TEST(RunLock, NamesAMissingFolder) { EXPECT_THROW(RunLock("/nonexistent/run"), Error); }

}  // namespace
}  // namespace temper
