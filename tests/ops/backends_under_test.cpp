#include "tests/ops/backends_under_test.h"

#include "backends/backends.h"

namespace temper::op_suite {

const std::vector<BackendUnderTest>& backends_under_test() {
  static const std::vector<BackendUnderTest> backends = [] {
    const std::shared_ptr<const Backend> cpu = make_backend("cpu");
    return std::vector<BackendUnderTest>{{cpu, 1}, {cpu, 2}};
  }();
  return backends;
}

}  // namespace temper::op_suite
