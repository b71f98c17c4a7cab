// A shape rule may run again on its own node (a gradient that asks for a saved output does that):
// the attributes it wrote must mean what the absorbed inputs meant.
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "graph/ir/infer_context.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

TEST(InferRules, ChangeNothingTheSecondTime) {
  for (const OpCase& op_case : all_cases()) {
    CaseGraph case_graph(op_case, op_case.dtypes.front());
    graph::Graph& graph = case_graph.graph;
    const auto describe = [&] {
      const graph::Node& node = graph.node(case_graph.node);
      std::vector<std::string> lines = {to_string(node.attrs)};
      for (const auto& ids : {node.inputs, node.outputs}) {
        for (const ValueId id : ids) {
          lines.push_back(
              id.valid() ? concat(id.index, " ", graph.value(id).dtype, " ", graph.value(id).shape)
                         : "none");
        }
      }
      return lines;
    };
    const std::vector<std::string> once = describe();
    graph::infer_node(graph, case_graph.node);
    EXPECT_EQ(describe(), once) << case_name(op_case);
  }
}

}  // namespace
}  // namespace temper::op_suite
