#include "tests/ops/backends_under_test.h"

#include <cstdlib>
#include <string>

#include "backends/backends.h"
#include "backends/cuda/emulated/emulated_device.h"

namespace temper::op_suite {
namespace {

// The threads of a kernel run in another order.
void change_order(int run) {
  using emulated::ThreadOrder;
  constexpr ThreadOrder kOrders[] = {ThreadOrder::kForward, ThreadOrder::kBackward,
                                     ThreadOrder::kRandom};
  emulated::set_thread_order(kOrders[run % 3]);
}

}  // namespace

const std::vector<BackendUnderTest>& backends_under_test() {
  static const std::vector<BackendUnderTest> backends = [] {
    const char* device = std::getenv("TEMPER_TEST_DEVICE");
    if (device != nullptr && *device != '\0') {
      const bool is_emulated = std::string(device) == "cuda-emulated";
      return std::vector<BackendUnderTest>{
          {make_backend(device), 1, is_emulated ? change_order : nullptr}};
    }
    const std::shared_ptr<const Backend> cpu = make_backend("cpu");
    return std::vector<BackendUnderTest>{{cpu, 1}, {cpu, 2}};
  }();
  return backends;
}

}  // namespace temper::op_suite
