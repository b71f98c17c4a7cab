// Old forms of ops, brought to opset 28's: the attributes and nodes that come out. Expected forms
// from ONNX's change log.
#include <gtest/gtest.h>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::Graph;
using graph::Node;
using graph::OnnxModel;
using Ints = std::vector<std::int64_t>;

Graph import(std::int64_t opset, const std::vector<Message>& nodes,
             const std::vector<Message>& initializers = {}) {
  ModelParts parts;
  parts.opset = opset;
  parts.nodes = nodes;
  parts.initializers = initializers;
  const TemporaryFolder folder;
  return OnnxModel::load(folder.write("m.onnx", parts.bytes())).build_graph(graph::standard_ops());
}

const Node& only_node(const Graph& graph) {
  EXPECT_EQ(graph.node_count(), 1);
  return graph.node(NodeId{0});
}

TEST(OpsetUpgrade, KeepsAxesOfSqueezeUnsqueezeAndReduceAsAttributes) {
  for (const char* op : {"Squeeze", "Unsqueeze", "ReduceSum"}) {
    const Graph graph = import(11, {node(op, {"x"}, {"y"}, {ints_attribute("axes", {1})})});
    EXPECT_EQ(only_node(graph).attrs.get_ints("axes"), Ints{1}) << op;
    EXPECT_EQ(only_node(graph).inputs.size(), 1u) << op;
  }
  const Graph mean =
      import(17, {node("ReduceMean", {"x"}, {"y"},
                       {ints_attribute("axes", {-1}), int_attribute("keepdims", 0)})});
  EXPECT_EQ(only_node(mean).attrs.get_ints("axes"), Ints{-1});
  EXPECT_EQ(only_node(mean).attrs.get_int("keepdims", 1), 0);
}

TEST(OpsetUpgrade, TakesAxesFromTheInputInNewOpsets) {
  const Graph graph = import(18, {node("ReduceMean", {"x", "axes"}, {"y"})}, {ints("axes", {1})});
  const Node& reduce = only_node(graph);
  ASSERT_EQ(reduce.inputs.size(), 2u);
  EXPECT_EQ(graph.value(reduce.inputs[1]).constant.values<std::int64_t>(), Ints{1});
  EXPECT_FALSE(reduce.attrs.has("axes"));
}

TEST(OpsetUpgrade, ReadsAPairThatQuantizesAndTurnsBackAsOneOpOfFloats) {
  const std::vector<Message> numbers{floats("s", {}, {0.5f}), floats("s2", {}, {0.25f}),
                                     raw_tensor<std::int8_t>("z", 3, {}, {4})};
  const Message quantize = node("QuantizeLinear", {"x", "s", "z"}, {"q"});
  const auto last = [&](const Message& dequantize) {
    Graph graph = import(13, {quantize, dequantize}, numbers);
    return graph.node(graph.value(graph.outputs[0].value).producer);
  };
  const Node one = last(node("DequantizeLinear", {"q", "s", "z"}, {"y"}));
  EXPECT_EQ(one.op->name(), "QuantizeDequantize");
  EXPECT_EQ(one.inputs.size(), 3u);
  const Node other = last(node("DequantizeLinear", {"q", "s2", "z"}, {"y"}));
  EXPECT_EQ(other.op->name(), "DequantizeLinear");
  const Node along =
      last(node("DequantizeLinear", {"q", "s", "z"}, {"y"}, {int_attribute("axis", 0)}));
  EXPECT_EQ(along.op->name(), "DequantizeLinear");
  const Graph dynamic = import(13, {node("DynamicQuantizeLinear", {"x"}, {"q", "s", "z"}),
                                    node("DequantizeLinear", {"q", "s", "z"}, {"y"})});
  EXPECT_EQ(dynamic.node(NodeId{1}).op->name(), "QuantizeDequantize");
  EXPECT_EQ(dynamic.node(NodeId{1}).inputs[0], dynamic.node(NodeId{0}).inputs[0]);
}

// With one scale for all it makes no difference whether integers or floats are moved.
TEST(OpsetUpgrade, ReadsSuchAPairAlsoWithMovesInBetween) {
  const std::vector<Message> numbers{floats("s", {}, {0.5f}), floats("by_row", {4}, {1, 2, 3, 4}),
                                     ints("axes", {1})};
  const auto ops_with = [&](const char* scale) {
    std::vector<std::string> ops;
    const Graph graph = import(
        13,
        {node("QuantizeLinear", {"x", scale}, {"q"}),
         node("Transpose", {"q"}, {"t"}, {ints_attribute("perm", {1, 0})}),
         node("Unsqueeze", {"t", "axes"}, {"u"}), node("DequantizeLinear", {"u", scale}, {"y"})},
        numbers);
    ValueId at = graph.outputs[0].value;
    while (graph.value(at).kind == graph::ValueKind::kNode) {
      const Node& made = graph.node(graph.value(at).producer);
      ops.push_back(made.op->name());
      at = made.inputs[0];
    }
    return ops;
  };
  EXPECT_EQ(ops_with("s"),
            (std::vector<std::string>{"QuantizeDequantize", "Unsqueeze", "Transpose"}));
  EXPECT_EQ(ops_with("by_row"), (std::vector<std::string>{"DequantizeLinear", "Unsqueeze",
                                                          "Transpose", "QuantizeLinear"}));
}

TEST(OpsetUpgrade, FlattensForSoftmaxBeforeOpset13) {
  const Graph graph =
      import(12, {node("Softmax", {"x"}, {"y"}, {int_attribute("axis", 2)}, "soft")});
  std::vector<std::string> ops;
  for (int i = 0; i < graph.node_count(); ++i) {
    ops.push_back(graph.node(NodeId{i}).op->name());
    EXPECT_EQ(graph.node(NodeId{i}).origin, "Softmax 'soft'");
  }
  EXPECT_EQ(ops, (std::vector<std::string>{"Shape", "Flatten", "Softmax", "Reshape"}));
  EXPECT_EQ(graph.node(NodeId{1}).attrs.get_int("axis", 0), 2);
  EXPECT_EQ(graph.node(NodeId{2}).attrs.get_int("axis", 0), 1);
  EXPECT_EQ(graph.outputs[0].value, graph.node(NodeId{3}).outputs[0]);
  EXPECT_EQ(import(11, {node("Hardmax", {"x"}, {"y"})}).node_count(), 4);
  // Without an axis the old default is 1.
  EXPECT_EQ(import(7, {node("LogSoftmax", {"x"}, {"y"})}).node(NodeId{1}).attrs.get_int("axis", 0),
            1);
}

TEST(OpsetUpgrade, NeedsNoFlatteningForTheLastAxisOrFromOpset13) {
  EXPECT_EQ(only_node(import(12, {node("Softmax", {"x"}, {"y"}, {int_attribute("axis", -1)})}))
                .attrs.get_int("axis", 0),
            -1);
  EXPECT_EQ(only_node(import(13, {node("Softmax", {"x"}, {"y"}, {int_attribute("axis", 1)})}))
                .attrs.get_int("axis", 0),
            1);
}

TEST(OpsetUpgrade, KeepsBoundsOfOldClipAndDropsInfiniteOnes) {
  const Graph both = import(
      6 + 1, {node("Clip", {"x"}, {"y"}, {float_attribute("min", 0), float_attribute("max", 6)})});
  EXPECT_EQ(only_node(both).attrs.get_double("min", -1), 0);
  EXPECT_EQ(only_node(both).attrs.get_double("max", -1), 6);
  const Graph low = import(
      10, {node("Clip", {"x"}, {"y"},
                {float_attribute("min", 0), float_attribute("max", 3.4028234663852886e38f)})});
  EXPECT_TRUE(only_node(low).attrs.has("min"));
  EXPECT_FALSE(only_node(low).attrs.has("max"));
}

std::vector<Message> channel_tensors() {
  return {floats("s", {4}, {1, 1, 1, 1}), floats("b", {4}, {0, 0, 0, 0}),
          floats("m", {4}, {0, 0, 0, 0}), floats("v", {4}, {1, 1, 1, 1})};
}

TEST(OpsetUpgrade, ReadsBatchNormalizationOfAllForms) {
  const Names inputs = {"x", "s", "b", "m", "v"};
  const Graph inference =
      import(7, {node("BatchNormalization", inputs, {"y"}, {int_attribute("spatial", 1)})},
             channel_tensors());
  EXPECT_EQ(only_node(inference).attrs.get_int("training_mode", -1), 0);
  EXPECT_FALSE(only_node(inference).attrs.has("spatial"));
  const Graph vector =
      import(8, {node("BatchNormalization", inputs, {"y"}, {int_attribute("spatial", 0)})},
             channel_tensors());
  EXPECT_FALSE(only_node(vector).attrs.has("spatial"));
  expect_error(ErrorCode::kUnsupported, "spatial=0", [&] {
    std::vector<Message> per_pixel;
    for (const char* name : {"s", "b", "m", "v"}) {
      per_pixel.push_back(floats(name, {2, 2}, {1, 1, 1, 1}));
    }
    import(8, {node("BatchNormalization", inputs, {"y"}, {int_attribute("spatial", 0)})},
           per_pixel);
  });
}

// Exporters list up to five outputs in training form; those that nobody reads are left out.
TEST(OpsetUpgrade, ReadsBatchNormalizationInTrainingForm) {
  const Names inputs = {"x", "s", "b", "m", "v"};
  const Names outputs = {"y", "m2", "v2", "sm", "sv"};
  const Graph unread = import(9, {node("BatchNormalization", inputs, outputs)}, channel_tensors());
  EXPECT_EQ(only_node(unread).attrs.get_int("training_mode", -1), 1);
  EXPECT_EQ(only_node(unread).outputs.size(), 1u);
  const Graph read = import(13,
                            {node("BatchNormalization", inputs, {"n", "m2", "v2", "sm", "sv"}),
                             node("Add", {"n", "sv"}, {"y"})},
                            channel_tensors());
  const Node& norm = read.node(NodeId{0});
  ASSERT_EQ(norm.outputs.size(), 5u);
  EXPECT_FALSE(norm.outputs[3].valid());
  EXPECT_TRUE(norm.outputs[4].valid());
  expect_error(ErrorCode::kInvalidModel, "5 outputs, expected 1 to 3 from opset 14 on", [&] {
    import(14, {node("BatchNormalization", inputs, outputs, {int_attribute("training_mode", 1)})},
           channel_tensors());
  });
}

TEST(OpsetUpgrade, LeavesOutAMaskOfOldDropoutThatNobodyReads) {
  EXPECT_EQ(only_node(import(7, {node("Dropout", {"x"}, {"y", "mask"})})).outputs.size(), 1u);
  expect_error(ErrorCode::kUnsupported, "the mask of opsets before 10", [] {
    import(9, {node("Dropout", {"x"}, {"d", "mask"}), node("Mul", {"d", "mask"}, {"y"})});
  });
  const Graph newer =
      import(10, {node("Dropout", {"x"}, {"d", "mask"}), node("Where", {"mask", "d", "x"}, {"y"})});
  EXPECT_EQ(newer.node(NodeId{0}).outputs.size(), 2u);
}

TEST(OpsetUpgrade, ReadsTheRatioOfOldDropout) {
  EXPECT_EQ(
      only_node(import(10, {node("Dropout", {"x"}, {"y"}, {float_attribute("ratio", 0.25f)})}))
          .attrs.get_double("ratio", 0),
      0.25);
  EXPECT_EQ(only_node(import(7, {node("Dropout", {"x"}, {"y"})})).attrs.get_double("ratio", 0),
            0.5);
}

TEST(OpsetUpgrade, KeepsPadSliceAndSplitAttributes) {
  const Graph pad =
      import(10, {node("Pad", {"x"}, {"y"},
                       {ints_attribute("pads", {0, 1, 0, 2}), float_attribute("value", 3)})});
  EXPECT_EQ(only_node(pad).attrs.get_ints("pads"), (Ints{0, 1, 0, 2}));
  EXPECT_EQ(only_node(pad).attrs.get_double("value", 0), 3);
  const Graph slice = import(9, {node("Slice", {"x"}, {"y"},
                                      {ints_attribute("starts", {1}), ints_attribute("ends", {3}),
                                       ints_attribute("axes", {1})})});
  EXPECT_EQ(only_node(slice).attrs.get_ints("starts"), Ints{1});
  const Graph split =
      import(12, {node("Split", {"x"}, {"y", "z"},
                       {ints_attribute("split", {1, 3}), int_attribute("axis", 1)})});
  EXPECT_EQ(only_node(split).attrs.get_ints("split"), (Ints{1, 3}));
  const Graph equal = import(13, {node("Split", {"x"}, {"y", "z"}, {int_attribute("axis", 1)})});
  EXPECT_EQ(only_node(equal).attrs.get_int("num_outputs", 0), 2);
  expect_error(ErrorCode::kInvalidModel, "no starts",
               [] { import(9, {node("Slice", {"x"}, {"y"})}); });
}

TEST(OpsetUpgrade, NamesTheTypeOfACast) {
  EXPECT_EQ(only_node(import(9, {node("Cast", {"x"}, {"y"}, {int_attribute("to", 7)})}))
                .attrs.get_string("to", ""),
            "i64");
  const Graph fresh = import(
      24, {node("Cast", {"x"}, {"y"}, {int_attribute("to", 11), int_attribute("saturate", 1)})});
  EXPECT_EQ(only_node(fresh).attrs.get_string("to", ""), "f64");
  EXPECT_FALSE(only_node(fresh).attrs.has("saturate"));
}

TEST(OpsetUpgrade, ReadsTheFillerOfConstantOfShape) {
  const Graph graph = import(
      9, {node("ConstantOfShape", {"shape"}, {"y"}, {tensor_attribute("value", ints("", {7}))})},
      {ints("shape", {2, 4})});
  EXPECT_EQ(only_node(graph).attrs.get_int("value", 0), 7);
  EXPECT_EQ(only_node(graph).attrs.get_string("dtype", ""), "i64");
}

TEST(OpsetUpgrade, ReadsKOfOldTopK) {
  const Graph old = import(
      9, {node("TopK", {"x"}, {"y", "i"}, {int_attribute("k", 3), int_attribute("largest", 0)})});
  EXPECT_EQ(only_node(old).attrs.get_ints("k"), Ints{3});
  EXPECT_FALSE(only_node(old).attrs.has("largest"));
  const Graph fresh = import(11, {node("TopK", {"x", "k"}, {"y"}, {int_attribute("largest", 0)})},
                             {ints("k", {2})});
  EXPECT_FALSE(only_node(fresh).attrs.has("k"));
  EXPECT_EQ(only_node(fresh).attrs.get_int("largest", 1), 0);
}

TEST(OpsetUpgrade, NamesScatterAsItIsCalledFromOpset11) {
  const Graph old = import(9, {node("Scatter", {"x", "i", "u"}, {"y"}, {int_attribute("axis", 1)})},
                           {ints("i", {0}), ints("u", {0})});
  EXPECT_EQ(only_node(old).op->name(), "ScatterElements");
  EXPECT_EQ(only_node(old).attrs.get_int("axis", 0), 1);
}

TEST(OpsetUpgrade, LeavesOutWhatOldFormsDoNotHave) {
  const auto reads = [](std::int64_t opset, const char* op) {
    return only_node(
               import(opset, {node(op, {"x"}, {"y"},
                                   {Message().text(1, "mode").text(4, "CRD").number(20, 3)})}))
        .attrs.has("mode");
  };
  EXPECT_FALSE(reads(10, "DepthToSpace"));
  EXPECT_TRUE(reads(11, "DepthToSpace"));
  EXPECT_FALSE(reads(27, "SpaceToDepth"));
  EXPECT_TRUE(reads(28, "SpaceToDepth"));
  const Graph eye = import(9, {node("EyeLike", {"x"}, {"y"}, {int_attribute("dtype", 11)})});
  EXPECT_EQ(only_node(eye).attrs.get_string("dtype", ""), "f64");
}

}  // namespace
}  // namespace temper::test
