// Makes an op case into tensors and a one-node graph.
#pragma once

#include <vector>

#include "graph/ir/graph.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {

// A case with "the dtype under test" decided.
class CaseGraph {
 public:
  CaseGraph(const OpCase& op_case, DType dtype);

  graph::Graph graph;
  NodeId node;
  std::vector<ValueId> values;  // one per OpInput; invalid for missing ones
  std::vector<Tensor> tensors;  // the same

  const std::vector<ValueId>& outputs() const { return graph.node(node).outputs; }
  // `tensors` without those that infer absorbed: what a kernel gets.
  std::vector<Tensor> kernel_inputs() const;
  std::vector<HostTensor> host_inputs() const;
};

HostTensor to_host(const Tensor& tensor);

}  // namespace temper::op_suite
