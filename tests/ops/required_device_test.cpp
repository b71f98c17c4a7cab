// With TEMPER_REQUIRE_CUDA=1 a run of the op suite counts only if it was on a GPU and passed
// nothing over: without a GPU no test begins, and a skip is a failure.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "runtime/base/error.h"
#include "tests/ops/backends_under_test.h"

namespace temper::op_suite {
namespace {

bool is_required() {
  const char* required = std::getenv("TEMPER_REQUIRE_CUDA");
  return required != nullptr && std::string(required) == "1";
}

class RequiredDevice : public testing::Environment {
 public:
  void SetUp() override {
    if (!is_required()) {
      return;
    }
    try {
      const std::string name(backends_under_test().front().backend->name());
      if (name != "cuda" && !name.starts_with("cuda:")) {
        FAIL() << "TEMPER_REQUIRE_CUDA=1, but the device under test is " << name
               << ": set TEMPER_TEST_DEVICE=cuda";
      }
    } catch (const Error& error) {
      FAIL() << "TEMPER_REQUIRE_CUDA=1: " << error.message();
    }
  }
  void TearDown() override {
    if (is_required()) {
      const testing::UnitTest& tests = *testing::UnitTest::GetInstance();
      EXPECT_EQ(tests.skipped_test_count(), 0) << "TEMPER_REQUIRE_CUDA=1 allows no skip";
      EXPECT_GT(tests.test_to_run_count(), 0) << "no test was chosen";
    }
  }
};

const testing::Environment* const kRequiredDevice =
    testing::AddGlobalTestEnvironment(new RequiredDevice);

}  // namespace
}  // namespace temper::op_suite
