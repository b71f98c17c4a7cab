// Uses a header of each layer of an installed Temper: builds only if headers, libraries and targets
// are complete. An error of the library is caught as what it is.
#include <iostream>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/process.h"
#include "training/schedules/schedule.h"

int main() {
  std::cout << temper::graph::standard_ops().all().size() << " ops, process "
            << temper::process_id() << "\n";
  try {
    temper::graph::OnnxModel::load("there/is/none.onnx");
  } catch (const temper::Error& error) {
    std::cout << "as expected: " << error.message() << "\n";
    return error.code() == temper::ErrorCode::kIo ? 0 : 1;
  }
  return 1;
}
