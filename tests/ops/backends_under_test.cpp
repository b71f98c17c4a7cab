#include "tests/ops/backends_under_test.h"

namespace temper::op_suite {

const std::vector<BackendUnderTest>& backends_under_test() {
  static const std::vector<BackendUnderTest> backends;
  return backends;
}

}  // namespace temper::op_suite
