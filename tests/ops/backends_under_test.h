// The backends the op suite compares with the reference, each with one and with two threads.
#pragma once

#include <memory>
#include <vector>

#include "runtime/backend/backend.h"

namespace temper::op_suite {

// The threads of a kernel of the emulated device run in another order in each of three runs.
void change_thread_order(int run);

struct BackendUnderTest {
  std::shared_ptr<const Backend> backend;
  int threads = 1;
  // Told which of a kernel's three runs comes: what must not matter changes in between.
  void (*before_run)(int run) = nullptr;
};

// Those of the environment variable TEMPER_TEST_DEVICE, or the CPU.
const std::vector<BackendUnderTest>& backends_under_test();

// Where TEMPER_REQUIRE_CUDA is set, the emulated device: what it takes, a GPU may not refuse. Else
// null.
const Backend* required_rows();

}  // namespace temper::op_suite
