// Uses a header of each layer of an installed Temper: builds only if headers, libraries and targets
// are complete.
#include <iostream>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/platform/process.h"

int main() {
  std::cout << temper::graph::standard_ops().all().size() << " ops, process "
            << temper::process_id() << "\n";
  return 0;
}
