// Internal ops in operators of the standard (OpDef::standard, else the expansion) compute what the
// reference kernels do: each case of the suite, written as standard_form.h writes it.
#include "graph/passes/standard_form.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/ir/op_def.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/update_layout.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"
#include "tests/ops/tolerance.h"

namespace temper::op_suite {
namespace {

// Their kernels sum or exponentiate in double where the standard's operators do not.
constexpr double kRoundings = 8;

bool is_written(const graph::OpDef& op) {
  return op.is_internal && op.standard_function != nullptr && op.max_inputs != 0;
}

// Steps that are not applied are the affair of guard_updates(); parameters that begin to train at
// different steps are refused.
bool is_plain_update(const CaseGraph& made) {
  const Tensor& ok = made.tensors[UpdateLayout::kOk];
  return *static_cast<const bool*>(ok.data()) &&
         made.tensors[UpdateLayout::kStep].element_count() == 1;
}

void compare(const Tensor& actual, const Tensor& expected, const std::string& what) {
  ASSERT_EQ(actual.shape(), expected.shape()) << what;
  ASSERT_EQ(actual.dtype(), expected.dtype()) << what;
  const Tolerance allowed = backend_tolerance(actual.dtype());
  const HostTensor a = to_host(actual), e = to_host(expected);
  for (std::int64_t i = 0; i < a.count(); ++i) {
    if (std::isnan(e[i]) || std::isinf(e[i])) {
      EXPECT_EQ(std::isnan(a[i]), std::isnan(e[i])) << what << " element " << i;
      continue;
    }
    ASSERT_NEAR(a[i], e[i], kRoundings * (allowed.absolute + allowed.relative * std::abs(e[i])))
        << what << " element " << i;
  }
}

TEST(StandardForm, ComputesWhatTheKernelsOfInternalOpsDo) {
  std::set<std::string> seen;
  for (const OpCase& op_case : all_cases()) {
    if (!has_dtype(op_case, DType::kFloat32)) {
      continue;
    }
    CaseGraph made(op_case, DType::kFloat32);
    const graph::OpDef& op = *made.graph.node(made.node).op;
    if (!is_written(op) || reference_row(made) == nullptr ||
        (op.is_commit && !is_plain_update(made))) {
      continue;
    }
    const std::vector<Tensor> expected = ReferenceCase(made).run(made.kernel_inputs());
    std::map<ValueId, Tensor> known;
    for (std::size_t i = 0; i < made.values.size(); ++i) {
      if (made.values[i].valid()) {
        known[made.values[i]] = made.tensors[i];
      }
    }
    graph::Graph written = made.graph;
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (expected[i].defined()) {
        wanted.push_back(i);
        written.add_output(concat("output ", i), made.outputs()[i],
                           {PortRole::kModelOutput, static_cast<int>(i)});
      }
    }
    graph::to_standard_ops(written, 20);
    for (int i = 0; i < written.node_count(); ++i) {
      const graph::Node& node = written.node(NodeId{i});
      EXPECT_TRUE(node.removed || !node.op->is_internal) << node.op->name() << " of " << op.name();
    }
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const ValueId value = written.outputs[i].value;
      compare(graph::evaluate(written, reference_backend(), known, {value})[0], expected[wanted[i]],
              concat(case_name(op_case), " output ", wanted[i]));
    }
    seen.insert(op.name());
  }
  // An op whose cases are gone, or are refused by the reference, would pass unseen.
  for (const char* name :
       {"ConvGradData",  "ConvGradWeights", "AveragePoolGrad", "BatchNormTrain",
        "CrossEntropy",  "GatherGrad",      "SliceGrad",       "GlobalNorm",
        "GeluGrad",      "AdaptiveClip",    "SgdUpdate",       "AdamUpdate",
        "RmspropUpdate", "RadamUpdate",     "NadamUpdate",     "AdamaxUpdate",
        "AdagradUpdate", "AdadeltaUpdate",  "LionUpdate",      "LambUpdate",
        "LarsUpdate",    "MuonUpdate",      "AdafactorUpdate", "AdafactorVectorUpdate"}) {
    EXPECT_TRUE(seen.contains(name)) << name << " has no case";
  }
}

}  // namespace
}  // namespace temper::op_suite
