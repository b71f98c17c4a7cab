// Runs a graph as a plan on a device whose memory is not the host's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "runtime/memory/tensor.h"

namespace temper::op_suite {

struct DeviceValues {
  std::vector<Tensor> values;           // of `wanted`, on the host
  std::vector<std::string> complaints;  // values that differ between runs
};

// The values of `wanted` given those of the inputs, from three runs: kernel by kernel, then twice
// as the captured graph. All must give the same bits. `before_run` is told which of the three
// comes. THROWS: kUnsupported naming what the backend has no kernel for.
DeviceValues evaluate_on_device(graph::Graph graph, const Backend& backend,
                                const std::map<ValueId, Tensor>& known,
                                const std::vector<ValueId>& wanted, void (*before_run)(int));

}  // namespace temper::op_suite
