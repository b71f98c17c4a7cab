// The facts that ops state about themselves fit together: what one names is there, and nothing that
// a file can hold is left unsaid by accident.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "graph/ir/op_def.h"
#include "graph/onnx/places.h"
#include "graph/ops/standard_ops.h"

namespace temper::test {
namespace {

using graph::OpDef;
using Names = std::set<std::string>;

// Ops that a file can hold and that no batch flows into: their inputs are numbers known when the
// graph is compiled.
const Names kWithoutBatch = {"BlackmanWindow",
                             "ConstantOfShape",
                             "EyeLike",
                             "HammingWindow",
                             "HannWindow",
                             "MelWeightMatrix",
                             "NonMaxSuppression",
                             "NonZero",
                             "RandomNormal",
                             "RandomUniform",
                             "Range",
                             "Shape",
                             "Size",
                             "Unique"};

bool is_imported(const OpDef& op) { return !op.is_internal || !op.onnx_name.empty(); }

TEST(OpFacts, EveryOpThatAFileCanHoldSaysWhereTheBatchGoes) {
  Names unknown;
  for (const OpDef* op : graph::standard_ops().all()) {
    if (is_imported(*op) && op->batch_function == nullptr && op->resolve_function == nullptr) {
      unknown.insert(op->name());
    }
  }
  EXPECT_EQ(unknown, kWithoutBatch);
}

TEST(OpFacts, OnlyOpsThatFollowTheBatchRewriteItsNumber) {
  for (const OpDef* op : graph::standard_ops().all()) {
    EXPECT_TRUE(op->rebatch_function == nullptr || op->batch_function != nullptr) << op->name();
  }
}

TEST(OpFacts, NamedInputsAreInputs) {
  for (const OpDef* op : graph::standard_ops().all()) {
    std::vector<int> named = op->absorbed_inputs;
    named.insert(named.end(), op->float32_inputs.begin(), op->float32_inputs.end());
    for (const graph::PlaceOfInput& place : op->places) {
      named.push_back(place.input);
    }
    named.push_back(op->picking_input);
    for (const int input : named) {
      EXPECT_TRUE(op->max_inputs < 0 || input < op->max_inputs) << op->name() << " " << input;
    }
  }
}

TEST(OpFacts, AGradientOpIsAnOpAndTakesTheMask) {
  for (const OpDef* op : graph::standard_ops().all()) {
    if (op->gradient_op_name.empty()) {
      EXPECT_LT(op->relu_mask_output, 0) << op->name();
      continue;
    }
    const OpDef* gradient = graph::standard_ops().find(op->gradient_op_name);
    ASSERT_NE(gradient, nullptr) << op->name();
    EXPECT_TRUE(gradient->is_internal) << op->name();
    EXPECT_LT(op->relu_mask_output, op->max_outputs) << op->name();
    EXPECT_LT(op->relu_mask_input, gradient->max_inputs) << op->name();
  }
}

TEST(OpFacts, ABackwardOpTakesTheInputsOfAnOpThatHasAnExpansion) {
  for (const OpDef* op : graph::standard_ops().all()) {
    if (op->forward_op_name.empty()) {
      continue;
    }
    const OpDef* forward = graph::standard_ops().find(op->forward_op_name);
    ASSERT_NE(forward, nullptr) << op->name();
    EXPECT_NE(forward->expand_function, nullptr) << op->name();
    EXPECT_EQ(forward->gradient_op_name, op->name());
    EXPECT_EQ(op->max_outputs, forward->max_inputs) << op->name();
    EXPECT_EQ(op->max_inputs, forward->max_inputs + forward->max_outputs) << op->name();
    EXPECT_TRUE(op->is_internal) << op->name();
  }
}

TEST(OpFacts, AnImportedNameIsNoOpOfItsOwn) {
  for (const OpDef* op : graph::standard_ops().all()) {
    if (!op->onnx_name.empty()) {
      EXPECT_EQ(graph::standard_ops().find(op->onnx_name), nullptr) << op->name();
      EXPECT_EQ(graph::standard_ops().find_imported(op->onnx_name), op);
    }
    EXPECT_EQ(graph::standard_ops().find_imported(op->name()) != nullptr, !op->is_internal)
        << op->name();
  }
}

TEST(OpFacts, AnOpWithAFileHasItsFactsThere) {
  for (const OpDef* op : graph::ops_without_file().all()) {
    EXPECT_EQ(graph::standard_ops().find_imported(op->name()), nullptr)
        << op->name() << " has a file in graph/ops: its facts belong there";
  }
}

}  // namespace
}  // namespace temper::test
