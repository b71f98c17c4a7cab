// The backends the op suite compares with the reference, each with one and with two threads.
#pragma once

#include <memory>
#include <vector>

#include "runtime/backend/backend.h"

namespace temper::op_suite {

struct BackendUnderTest {
  std::shared_ptr<const Backend> backend;
  int threads = 1;
};

const std::vector<BackendUnderTest>& backends_under_test();

}  // namespace temper::op_suite
