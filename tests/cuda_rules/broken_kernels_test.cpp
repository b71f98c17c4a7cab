// Each way of finding a broken kernel finds one: the emulated device by itself (in every build),
// the address sanitizer and the thread sanitizer (programs of tools/test_cuda_sanitizers.sh).
#include "tests/cuda_rules/broken_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "backends/cuda/emulated/emulated_device.h"
#include "runtime/base/error.h"

namespace temper::cuda {
namespace {

using emulated::ThreadOrder;

// What this program is built with: "", "address" or "thread".
constexpr std::string_view kFoundBy = TEMPER_FOUND_BY;

std::vector<float> run(Broken kind, ThreadOrder order) {
  open_device(0);
  emulated::set_thread_order(order);
  constexpr std::size_t kBytes = kBrokenThreads * sizeof(float);
  const StreamHandle stream = make_stream();
  auto* host = static_cast<float*>(allocate_pinned(kBytes));
  auto* x = static_cast<float*>(allocate(kBytes));
  auto* y = static_cast<float*>(allocate(kBytes));
  std::iota(host, host + kBrokenThreads, 1.0f);
  copy_in(x, host, kBytes, stream);
  synchronize(stream);
  run_broken(kind, x, y, stream);
  copy_out(host, y, kBytes, stream);
  synchronize(stream);
  std::vector<float> result(host, host + kBrokenThreads);
  close(stream);
  release(x, kBytes);
  release(y, kBytes);
  release_pinned(host);
  return result;
}

struct Rule {
  Broken kind;
  const char* name;
  const char* found;
};

void PrintTo(const Rule& rule, std::ostream* out) { *out << rule.name; }
std::string name_of(const testing::TestParamInfo<Rule>& info) { return info.param.name; }

// ---------------------------------------------------------------- by the device, in every build

class RuleOfTheDevice : public testing::TestWithParam<Rule> {};

TEST_P(RuleOfTheDevice, IsNamedWithThreadBlockAndLine) {
  for (const ThreadOrder order :
       {ThreadOrder::kForward, ThreadOrder::kBackward, ThreadOrder::kRandom}) {
    try {
      run(GetParam().kind, order);
      ADD_FAILURE() << "not found";
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(GetParam().found), std::string::npos) << error.message();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Kernels, RuleOfTheDevice,
    testing::Values(Rule{Broken::kDivergentBarrier, "DivergentBarrier", "broken_kernels.cu"},
                    Rule{Broken::kTwoBarrierLines, "TwoBarrierLines",
                         "divergent barrier: thread ("},
                    Rule{Broken::kEarlyReturn, "EarlyReturn", "broken_kernels.cu"},
                    Rule{Broken::kHalfWarp, "HalfWarp", "__shfl_xor_sync at "},
                    Rule{Broken::kHalfMask, "HalfMask", "needs the full mask, thread ("},
                    Rule{Broken::kTooLittleShared, "TooLittleShared",
                         "bytes of shared memory, its launch gave"}),
    name_of);

TEST(SharedMemory, IsNotANumberUntilItIsWritten) {
  const std::vector<float> y = run(Broken::kUnwrittenShared, ThreadOrder::kForward);
  for (int i = 0; i < kBrokenThreads; ++i) {
    EXPECT_EQ(std::isnan(y[static_cast<std::size_t>(i)]), i == 5) << i;
  }
}

TEST(RightKernel, GivesTheSameInEachOrder) {
  // More launches than the thread sanitizer watches.
  for (int turn = 0; turn < 8; ++turn) {
    for (const ThreadOrder order :
         {ThreadOrder::kForward, ThreadOrder::kBackward, ThreadOrder::kRandom}) {
      const std::vector<float> y = run(Broken::kNothing, order);
      for (int i = 0; i < kBrokenThreads; ++i) {
        EXPECT_EQ(y[static_cast<std::size_t>(i)], static_cast<float>(64 - i + 65 * 32));
      }
    }
  }
}

// ---------------------------------------------------------------- by the order of threads

class RuleOfOrder : public testing::TestWithParam<Rule> {};

TEST_P(RuleOfOrder, GivesOtherBitsInAnotherOrder) {
  const auto bits = [&](ThreadOrder order) {
    const std::vector<float> y = run(GetParam().kind, order);
    return std::string(reinterpret_cast<const char*>(y.data()), y.size() * sizeof(float));
  };
  const std::string forward = bits(ThreadOrder::kForward);
  EXPECT_TRUE(forward != bits(ThreadOrder::kBackward) || forward != bits(ThreadOrder::kRandom));
}

// ---------------------------------------------------------------- by a sanitizer

class RuleOfASanitizer : public testing::TestWithParam<Rule> {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_P(RuleOfASanitizer, EndsTheProgram) {
  EXPECT_DEATH(run(GetParam().kind, ThreadOrder::kForward), GetParam().found);
}

std::vector<Rule> found_by_order() {
  if (!kFoundBy.empty()) {
    return {};
  }
  return {{Broken::kMissingBarrier, "MissingBarrier", ""},
          {Broken::kMissingSecondBarrier, "MissingSecondBarrier", ""},
          {Broken::kMissingWarpBarrier, "MissingWarpBarrier", ""}};
}

std::vector<Rule> found_by_sanitizer() {
  constexpr const char* kPoisoned = "AddressSanitizer: use-after-poison.*broken_kernels.cu";
  constexpr const char* kRace = "ThreadSanitizer: data race.*broken_kernels.cu";
  if (kFoundBy == "address") {
    return {{Broken::kReadBehind, "ReadBehind", kPoisoned},
            {Broken::kWriteBehind, "WriteBehind", kPoisoned},
            {Broken::kWriteBehindShared, "WriteBehindShared",
             "AddressSanitizer: heap-buffer-overflow.*broken_kernels.cu"},
            {Broken::kMisaligned, "Misaligned", "broken_kernels.cu.*misaligned address"}};
  }
  if (kFoundBy == "thread") {
    return {{Broken::kMissingBarrier, "MissingBarrier", kRace},
            {Broken::kMissingSecondBarrier, "MissingSecondBarrier", kRace},
            {Broken::kMissingWarpBarrier, "MissingWarpBarrier", kRace},
            {Broken::kTwoBlocks, "TwoBlocks", kRace},
            {Broken::kFirstAndLastBlock, "FirstAndLastBlock", kRace}};
  }
  return {};
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RuleOfOrder);
INSTANTIATE_TEST_SUITE_P(Kernels, RuleOfOrder, testing::ValuesIn(found_by_order()), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(RuleOfASanitizer);
INSTANTIATE_TEST_SUITE_P(Kernels, RuleOfASanitizer, testing::ValuesIn(found_by_sanitizer()),
                         name_of);

}  // namespace
}  // namespace temper::cuda
