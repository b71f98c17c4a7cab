// With TEMPER_REQUIRE_CUDA=1 a run of the op suite counts only if it was on a GPU: without one no
// test begins, and a case that is skipped there though the emulated device takes it has failed (the
// suite asks required_rows()). TEMPER_REQUIRE_CUDA=cuda-emulated tries this rule itself without a
// GPU.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "runtime/base/error.h"
#include "tests/ops/backends_under_test.h"

namespace temper::op_suite {
namespace {

// "" where nothing is.
std::string required() {
  const char* required = std::getenv("TEMPER_REQUIRE_CUDA");
  return required == nullptr ? "" : required;
}

class RequiredDevice : public testing::Environment {
 public:
  void SetUp() override {
    if (required().empty()) {
      return;
    }
    try {
      const std::string name(backends_under_test().front().backend->name());
      if (name != required() && name != "cuda" && !name.starts_with("cuda:")) {
        FAIL() << "TEMPER_REQUIRE_CUDA=1, but the device under test is " << name
               << ": set TEMPER_TEST_DEVICE=cuda";
      }
    } catch (const Error& error) {
      FAIL() << "TEMPER_REQUIRE_CUDA=1: " << error.message();
    }
  }
  void TearDown() override {
    if (!required().empty()) {
      EXPECT_GT(testing::UnitTest::GetInstance()->test_to_run_count(), 0) << "no test was chosen";
    }
  }
};

const testing::Environment* const kRequiredDevice =
    testing::AddGlobalTestEnvironment(new RequiredDevice);

}  // namespace
}  // namespace temper::op_suite
