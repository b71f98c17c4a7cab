#include "tests/ops/backends_under_test.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "backends/backends.h"
#include "backends/cuda/emulated/emulated_device.h"

namespace temper::op_suite {

void change_thread_order(int run) {
  using emulated::ThreadOrder;
  constexpr ThreadOrder kOrders[] = {ThreadOrder::kForward, ThreadOrder::kBackward,
                                     ThreadOrder::kRandom};
  emulated::set_thread_order(kOrders[run % 3]);
}

namespace {

// TEMPER_LAUNCHED_KERNELS=FILE: writes which kernels ran, for tools/checks/launched_kernels.py: how
// far behind launched_kernels() each lies, how often it was launched, and watched.
class LaunchedKernels final : public testing::Environment {
 public:
  void TearDown() override {
    const char* path = std::getenv("TEMPER_LAUNCHED_KERNELS");
    if (path == nullptr) {
      return;
    }
    std::ofstream file(path);
    const auto base = reinterpret_cast<std::intptr_t>(&emulated::launched_kernels);
    for (const emulated::LaunchedKernel& kernel : emulated::launched_kernels()) {
      file << reinterpret_cast<std::intptr_t>(kernel.function) - base << ' ' << kernel.launches
           << ' ' << kernel.watched << '\n';
    }
  }
};

const testing::Environment* const kLaunchedKernels =
    testing::AddGlobalTestEnvironment(new LaunchedKernels);

}  // namespace

const std::vector<BackendUnderTest>& backends_under_test() {
  static const std::vector<BackendUnderTest> backends = [] {
    const char* device = std::getenv("TEMPER_TEST_DEVICE");
    if (device != nullptr && *device != '\0') {
      const bool is_emulated = std::string(device) == "cuda-emulated";
      return std::vector<BackendUnderTest>{
          {make_backend(device), 1, is_emulated ? change_thread_order : nullptr}};
    }
    const std::shared_ptr<const Backend> cpu = make_backend("cpu");
    return std::vector<BackendUnderTest>{{cpu, 1}, {cpu, 2}};
  }();
  return backends;
}

const Backend* required_rows() {
  const char* required = std::getenv("TEMPER_REQUIRE_CUDA");
  static const std::shared_ptr<const Backend> emulated =
      required != nullptr && *required != '\0' ? make_backend("cuda-emulated") : nullptr;
  return emulated.get();
}

}  // namespace temper::op_suite
