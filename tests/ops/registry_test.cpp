// Ops, kernels and gradients fit together: nothing registered on one side is missing on the other.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

using Names = std::set<std::string, std::less<>>;

// Ops that never reach a kernel: always folded to a constant while inferring.
// Or replaced when shapes are bound.
const Names kNeverRun = {"Gradient"};

// Steps whose kernels lowering makes: those that run plans of their own
// (tests/graph/lowering/control_steps_test.cpp) and sums over ranks (rank_sums_test.cpp).
const Names kMadeByLowering = {"AllReduce", "Branch", "Iterate", "IterateGrad"};

// Kernels without an op: added by lowering.
const Names kLoweringOnly = {"Reorder", "CommitIf", "Copy"};

// Differentiable ops whose gradient is not written yet.
const Names kGradientGaps = {};

// Ops without a case of their own: run only through the gradients of others (inputs of dtype
// kOpaque), by the importer and the pass over gradient requests (gradient_requests_test.cpp).
const Names kTestedThroughOthers = {"MaxPoolGrad", "Gradient"};

// Kernels that run only behind their forward's kernel, so only in a gradient.
const Names kNeedsForward = {"MaxPoolGrad", "BatchNormTrainGrad"};

// Ops of which one kernel takes only what cases never are, and has its own tests in
// tests/backends/cpu: a weight that the plan does not change in a convolution of some size
// (onednn_settled_conv_test.cpp), long dilated signals (onednn_conv_test.cpp), channels in blocks
// (blocked_conv_gradient_test.cpp).
const Names kOneHasItsOwnTests = {"Conv", "ConvGradData", "ConvGradWeights"};

TEST(OpRegistry, EveryOpHasAShapeRule) {
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    EXPECT_NE(op->infer_function, nullptr) << op->name();
  }
}

TEST(OpRegistry, EveryOpHasAReferenceKernelOrIsExpanded) {
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    if (!op->is_reshape() && !op->is_expanded && op->resolve_function == nullptr &&
        !kNeverRun.contains(op->name()) && !kMadeByLowering.contains(op->name())) {
      const KernelImpl* row = reference_row(op->name());
      EXPECT_TRUE(row != nullptr && row->family() == "reference") << op->name();
    }
  }
}

TEST(OpRegistry, EveryKernelNamesAnOp) {
  std::vector<const Backend*> backends = {&reference_backend()};
  for (const BackendUnderTest& tested : backends_under_test()) {
    backends.push_back(tested.backend.get());
  }
  for (const Backend* backend : backends) {
    for (const std::string& op : backend->kernels().ops()) {
      EXPECT_TRUE(graph::standard_ops().find(op) != nullptr || kLoweringOnly.contains(op))
          << backend->name() << " has a kernel for " << op;
    }
  }
}

TEST(OpRegistry, EveryOpHasAGradientOrSaysWhyNot) {
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    const bool has_rule = op->is_differentiable();
    const bool has_reason = !op->no_gradient_reason.empty();
    EXPECT_FALSE(has_rule && has_reason)
        << op->name() << " has a rule and a reason not to have one";
    // Internal gradient ops are not differentiated again, and what vanishes has none of its own.
    const bool excused =
        op->is_internal || op->resolve_function != nullptr || kGradientGaps.contains(op->name());
    EXPECT_TRUE(has_rule || has_reason || excused) << op->name();
    EXPECT_FALSE(has_rule && kGradientGaps.contains(op->name()))
        << op->name() << " is no gap any more";
  }
}

TEST(OpRegistry, EveryOpHasACaseAndEveryRuleIsChecked) {
  Names cases;
  Names differentiated;
  for (const OpCase& op_case : all_cases()) {
    cases.insert(op_case.op);
    if (!op_case.differentiate.empty()) {
      differentiated.insert(op_case.op);
    }
  }
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    EXPECT_TRUE(cases.contains(op->name()) || kTestedThroughOthers.contains(op->name()) ||
                kMadeByLowering.contains(op->name()) ||
                op->resolve_function != nullptr)  // tests/graph/passes/resolve_test.cpp
        << op->name() << " has no case in tests/ops";
    EXPECT_TRUE(!op->is_differentiable() || op->is_internal || differentiated.contains(op->name()))
        << "the gradient of " << op->name() << " is checked by no case";
  }
}

TEST(OpRegistry, EveryKernelOfABackendIsRunBySomeCase) {
  std::set<const KernelImpl*> accepted;
  Names in_16_bits;  // ops that ever meet 16-bit tensors
  for (const OpCase& op_case : all_cases()) {
    for (const DType dtype : dtypes_of(op_case)) {
      const CaseGraph case_graph(op_case, dtype);
      for (const Tensor& input : case_graph.kernel_inputs()) {
        if (input.defined() && is_float(input.dtype()) && size_of(input.dtype()) == 2) {
          in_16_bits.insert(op_case.op);
        }
      }
      for (const BackendUnderTest& tested : backends_under_test()) {
        for (const auto& row : tested.backend->kernels().rows(op_case.op)) {
          if (CaseKernel::refusal(case_graph, *row, tested.threads).empty()) {
            accepted.insert(row.get());
          }
        }
      }
    }
  }
  for (const BackendUnderTest& tested : backends_under_test()) {
    for (const std::string& op : tested.backend->kernels().ops()) {
      // Rows by way of f32 are one wrapper around rows that are held here themselves: of an op that
      // meets 16 bits, one of them must be reached.
      bool any_widened = false, widened_reached = false;
      int excused = kOneHasItsOwnTests.contains(op) ? 1 : 0;
      for (const auto& row : tested.backend->kernels().rows(op)) {
        if (row->family().ends_with(" via f32")) {
          any_widened = true;
          widened_reached = widened_reached || accepted.contains(row.get());
          continue;
        }
        EXPECT_TRUE(accepted.contains(row.get()) || kLoweringOnly.contains(op) ||
                    kNeedsForward.contains(op) || excused-- > 0)
            << "no case of " << op << " reaches " << tested.backend->name()
            << "'s kernel of family " << row->family();
      }
      EXPECT_TRUE(!any_widened || widened_reached || !in_16_bits.contains(op) ||
                  kLoweringOnly.contains(op) || kNeedsForward.contains(op))
          << "no case of " << op << " in 16 bits reaches " << tested.backend->name()
          << "'s kernels by way of f32";
    }
  }
}

}  // namespace
}  // namespace temper::op_suite
