// Reading models: inputs, tensors, attributes, functions, what is trainable and why.
#include "graph/onnx/import.h"

#include <gtest/gtest.h>

#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

using graph::BatchInfo;
using graph::Graph;
using graph::OnnxModel;
using graph::TensorDecision;
using graph::ValueKind;
using graph::Variable;
using graph::VariableKind;

struct Imported {
  Graph graph;
  std::vector<TensorDecision> decisions;
  OnnxModel model;
};

Imported import(const ModelParts& parts, const std::set<std::string>& as_variables = {}) {
  const TemporaryFolder folder;
  OnnxModel model = OnnxModel::load(folder.write("model.onnx", parts.bytes()));
  std::vector<TensorDecision> decisions;
  Graph built = model.build_graph(graph::standard_ops(), as_variables, &decisions);
  return {std::move(built), std::move(decisions), std::move(model)};
}

ModelParts linear() {
  ModelParts parts;
  parts.nodes = {node("Gemm", {"x", "w", "b"}, {"y"}, {int_attribute("transB", 1)}, "fc")};
  parts.initializers = {floats("w", {4, 4}, std::vector<float>(16, 0.5f)),
                        floats("b", {4}, {1, 2, 3, 4})};
  return parts;
}

const Variable& variable(const Imported& imported, const std::string& name) {
  const VariableId id = imported.graph.find_variable(name);
  EXPECT_TRUE(id.valid()) << name;
  return imported.graph.variable(id);
}

std::vector<double> constant(const Imported& imported, const std::string& name) {
  const ValueId id = imported.graph.find_value(name);
  EXPECT_TRUE(id.valid()) << name;
  EXPECT_EQ(imported.graph.value(id).kind, ValueKind::kConstant) << name;
  return imported.graph.value(id).constant.values<double>();
}

TEST(OnnxImport, ReadsALinearLayerWithItsSymbolicBatch) {
  const Imported got = import(linear());
  ASSERT_EQ(got.graph.inputs.size(), 1u);
  const auto& x = got.graph.value(got.graph.inputs[0]);
  EXPECT_EQ(x.name, "x");
  ASSERT_EQ(x.dims.size(), 2u);
  EXPECT_EQ(x.dims[0].symbol, "batch");
  EXPECT_EQ(x.dims[1].value, 4);
  EXPECT_EQ(got.model.batch().kind, BatchInfo::Kind::kSymbolic);
  EXPECT_EQ(got.model.producer(), "writer 1.0");
  EXPECT_EQ(got.model.opset(), 20);
  ASSERT_EQ(got.graph.node_count(), 1);
  EXPECT_EQ(got.graph.node(NodeId{0}).origin, "Gemm 'fc'");
  EXPECT_EQ(got.graph.node(NodeId{0}).attrs.get_int("transB", 0), 1);
  EXPECT_EQ(variable(got, "b").initial.values<float>(), (std::vector<float>{1, 2, 3, 4}));
  ASSERT_EQ(got.graph.outputs.size(), 1u);
  EXPECT_EQ(got.graph.outputs[0].name, "y");
}

TEST(OnnxImport, DoesNotTakeAnInitializerListedAsInputForAnInput) {
  ModelParts parts = linear();
  parts.ir = 3;
  parts.inputs = {value_info("x", {2, 4}), value_info("w", {4, 4}), value_info("b", {4})};
  const Imported got = import(parts);
  EXPECT_EQ(got.graph.inputs.size(), 1u);
  EXPECT_EQ(got.model.inputs().size(), 1u);
  EXPECT_EQ(got.model.batch().kind, BatchInfo::Kind::kFixed);
  EXPECT_EQ(got.model.batch().value, 2);
}

TEST(OnnxImport, DecidesWhatIsTrainableByItsPlace) {
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 4, 8, 8}), value_info("ids", {-1, 3}, 7)};
  parts.nodes = {
      node("Transpose", {"w_t"}, {"w"}, {ints_attribute("perm", {1, 0, 2, 3})}),
      node("Conv", {"x", "w", "b"}, {"c"}, {}, "conv"),
      node("BatchNormalization", {"c", "scale", "shift", "mean", "var"}, {"n"}, {}, "bn"),
      node("Mul", {"n", "factor"}, {"m"}, {}, "mul"),
      node("Relu", {"m"}, {"r"}),
      node("Add", {"r", "addend"}, {"a"}, {}, "add"),
      node("Add", {"a", "mask"}, {"k"}, {}, "masked"),
      node("Relu", {"k"}, {"s"}),
      node("Mul", {"s", "half"}, {"h"}),
      node("Clip", {"h", "low", "high"}, {"y"}),
      node("Gather", {"table", "ids"}, {"e"}, {}, "embed"),
  };
  parts.outputs.push_back(value_info("e", {-1, 3, 2}));
  parts.initializers = {
      floats("w_t", {4, 2, 1, 1}, std::vector<float>(8, 1)),
      floats("b", {2}, {0, 0}),
      floats("scale", {2}, {1, 1}),
      floats("shift", {2}, {0, 0}),
      floats("mean", {2}, {0, 0}),
      floats("var", {2}, {1, 1}),
      floats("factor", {2, 1, 1}, {2, 3}),
      floats("addend", {2, 1, 1}, {2, 3}),
      floats("mask", {8}, std::vector<float>(8, -1e9f)),
      floats("half", {}, {0.5f}),
      floats("low", {}, {0}),
      floats("high", {}, {6}),
      floats("table", {5, 2}, std::vector<float>(10, 1)),
      floats("spare", {2}, {7, 7}),
  };
  const Imported got = import(parts);
  for (const char* name : {"w_t", "b", "scale", "shift", "addend", "table"}) {
    EXPECT_TRUE(variable(got, name).trainable) << name << ": " << variable(got, name).why;
  }
  EXPECT_EQ(variable(got, "w_t").why, "weight of Conv 'conv'");
  for (const char* name : {"mean", "var"}) {
    EXPECT_EQ(variable(got, name).identity.kind, VariableKind::kStatistic) << name;
    EXPECT_FALSE(variable(got, name).trainable) << name;
  }
  EXPECT_FALSE(variable(got, "factor").trainable);
  EXPECT_EQ(variable(got, "factor").why, "a factor of Mul 'mul'");
  EXPECT_FALSE(variable(got, "mask").trainable);
  EXPECT_NE(variable(got, "mask").why.find("mask"), std::string::npos);
  EXPECT_EQ(constant(got, "half"), std::vector<double>{0.5});
  EXPECT_EQ(constant(got, "high"), std::vector<double>{6});
  EXPECT_FALSE(got.graph.find_variable("spare").valid());
  EXPECT_EQ(got.decisions.size(), parts.initializers.size());
}

TEST(OnnxImport, MakesANamedScalarAVariable) {
  ModelParts parts;
  parts.nodes = {node("Mul", {"x", "half"}, {"y"})};
  parts.initializers = {floats("half", {}, {0.5f})};
  EXPECT_FALSE(import(parts).graph.find_variable("half").valid());
  const Imported named = import(parts, {"half"});
  EXPECT_FALSE(variable(named, "half").trainable);
}

TEST(OnnxImport, ReadsAValueNeededWhenCompilingAsAConstantEvenIfItIsAVariable) {
  ModelParts parts;
  parts.nodes = {node("Clip", {"x", "low"}, {"c"}), node("Mul", {"c", "low"}, {"y"})};
  parts.initializers = {floats("low", {}, {-1})};
  const Imported got = import(parts, {"low"});
  const auto& clip = got.graph.node(NodeId{0});
  const auto& mul = got.graph.node(NodeId{1});
  EXPECT_EQ(got.graph.value(clip.inputs[1]).kind, ValueKind::kConstant);
  EXPECT_EQ(got.graph.value(mul.inputs[1]).kind, ValueKind::kVariable);
}

TEST(OnnxImport, ReadsEveryFormOfConstant) {
  ModelParts parts;
  parts.nodes = {
      node("Constant", {}, {"t"},
           {tensor_attribute("value", raw_tensor<std::int32_t>("", 6, {2}, {3, -4}))}),
      node("Constant", {}, {"f"}, {float_attribute("value_float", 1.5f)}),
      node("Constant", {}, {"fs"},
           {Message().text(1, "value_floats").real(7, 1).real(7, 2).number(20, 6)}),
      node("Constant", {}, {"i"}, {int_attribute("value_int", -9)}),
      node("Constant", {}, {"is"}, {ints_attribute("value_ints", {4, 5, 6})}),
      node("Identity", {"x"}, {"y"}),
      node("Add", {"t", "t"}, {"t2"}),
      node("Mul", {"f", "f"}, {"f2"}),
      node("Mul", {"i", "i"}, {"i2"}),
      node("Mul", {"is", "is"}, {"is2"}),
      node("MatMul", {"fs", "x"}, {"fs2"}),
  };
  const Imported got = import(parts);
  EXPECT_EQ(constant(got, "t"), (std::vector<double>{3, -4}));
  EXPECT_EQ(constant(got, "f"), (std::vector<double>{1.5}));
  EXPECT_EQ(constant(got, "i"), (std::vector<double>{-9}));
  EXPECT_EQ(constant(got, "is"), (std::vector<double>{4, 5, 6}));
  EXPECT_EQ(variable(got, "fs").initial.values<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(got.graph.value(got.graph.find_value("t")).dtype, DType::kInt32);
}

TEST(OnnxImport, ComputesSixteenBitModelsInFloat32) {
  ModelParts parts;
  parts.inputs = {value_info("x", {2, 2}, 10)};
  parts.nodes = {node("Add", {"x", "b"}, {"s"}),
                 node("Cast", {"s"}, {"y"}, {int_attribute("to", 16)})};
  parts.initializers = {raw_tensor<std::uint16_t>("b", 10, {2}, {0x3c00, 0xc500})};
  const Imported got = import(parts);
  EXPECT_EQ(got.graph.value(got.graph.inputs[0]).dtype, DType::kFloat32);
  EXPECT_EQ(got.model.inputs()[0].file_type, "FLOAT16");
  EXPECT_EQ(variable(got, "b").initial.values<float>(), (std::vector<float>{1, -5}));
  EXPECT_EQ(got.graph.node(NodeId{1}).attrs.get_string("to", ""), "f32");
}

TEST(OnnxImport, SortsNodesThatStandInTheWrongOrder) {
  ModelParts parts;
  parts.nodes = {node("Relu", {"a"}, {"y"}), node("Neg", {"x"}, {"a"})};
  const Imported got = import(parts);
  ASSERT_EQ(got.graph.node_count(), 2);
  EXPECT_EQ(got.graph.node(NodeId{0}).op->name(), "Neg");
  EXPECT_EQ(got.graph.node(NodeId{1}).op->name(), "Relu");
}

TEST(OnnxImport, KeepsALeftOutOptionalInputInItsPlace) {
  ModelParts parts;
  parts.nodes = {node("Clip", {"x", "", "high"}, {"y"})};
  parts.initializers = {floats("high", {}, {6})};
  const Imported got = import(parts);
  const auto& clip = got.graph.node(NodeId{0});
  ASSERT_EQ(clip.inputs.size(), 3u);
  EXPECT_FALSE(clip.inputs[1].valid());
  EXPECT_TRUE(clip.inputs[2].valid());
}

TEST(OnnxImport, ReadsTheModulePathOfTorchsExporter) {
  ModelParts parts;
  Message relu = node("Relu", {"x"}, {"y"});
  relu.message(9, Message()
                      .text(1, "pkg.torch.onnx.name_scopes")
                      .text(2, "['', 'layer1', 'layer1.0', 'relu']"));
  parts.nodes = {relu};
  EXPECT_EQ(import(parts).graph.node(NodeId{0}).scope, "layer1.0");
}

Message function_message(const std::string& name, const Names& inputs, const Names& outputs,
                         const Names& attributes, const std::vector<Message>& nodes) {
  Message function;
  function.text(1, name);
  for (const std::string& input : inputs) {
    function.text(4, input);
  }
  for (const std::string& output : outputs) {
    function.text(5, output);
  }
  for (const std::string& attribute : attributes) {
    function.text(6, attribute);
  }
  for (const Message& each : nodes) {
    function.message(7, each);
  }
  return function.message(9, Message().text(1, "").number(2, 20)).text(10, "own");
}

TEST(OnnxImport, InlinesNestedFunctionsWithAttributeReferences) {
  ModelParts parts;
  const Message reference = Message().text(1, "alpha").number(20, 1).text(21, "slope");
  parts.functions = {
      function_message("Leaky", {"a"}, {"b"}, {"slope"},
                       {node("LeakyRelu", {"a"}, {"b"}, {reference})}),
      function_message(
          "Twice", {"a"}, {"b"}, {"slope"},
          {node("Leaky", {"a"}, {"t"}, {Message().text(1, "slope").number(20, 1).text(21, "slope")},
                "", "own"),
           node("Leaky", {"t"}, {"b"}, {float_attribute("slope", 0.25f)}, "", "own")}),
  };
  parts.nodes = {node("Twice", {"x"}, {"m"}, {float_attribute("slope", 0.5f)}, "first", "own"),
                 node("Twice", {"m"}, {"y"}, {float_attribute("slope", 0.125f)}, "second", "own")};
  const Imported got = import(parts);
  ASSERT_EQ(got.graph.node_count(), 4);
  std::vector<double> slopes;
  ValueId previous = got.graph.inputs[0];
  for (int i = 0; i < 4; ++i) {
    const auto& leaky = got.graph.node(NodeId{i});
    EXPECT_EQ(leaky.inputs[0], previous);
    previous = leaky.outputs[0];
    slopes.push_back(leaky.attrs.get_double("alpha", 0));
  }
  EXPECT_EQ(slopes, (std::vector<double>{0.5, 0.25, 0.125, 0.25}));
  EXPECT_EQ(got.graph.outputs[0].value, previous);
}

TEST(OnnxImport, LetsAFunctionReturnItsOwnInput) {
  ModelParts parts;
  parts.functions = {function_message("Same", {"a"}, {"a"}, {}, {})};
  parts.nodes = {node("Same", {"x"}, {"y"}, {}, "", "own")};
  const Imported got = import(parts);
  ASSERT_EQ(got.graph.node_count(), 1);
  EXPECT_EQ(got.graph.node(NodeId{0}).op->name(), "Identity");
}

TEST(OnnxImport, ListsEverythingThatIsNotSupportedAtOnce) {
  ModelParts parts;
  parts.nodes = {
      node("Foo", {"x"}, {"a"}, {}, "foo1", "com.example"),
      node("Foo", {"a"}, {"b"}, {}, "foo2", "com.example"),
      node("ImageDecoder", {"b"}, {"c"}, {}, "jpeg"),
      node("If", {"c"}, {"d"},
           {body_attribute("then_branch", {node("Foo", {"x"}, {"d"}, {}, "foo3", "com.example")},
                           {}, {value_info("d", {-1, 4})}),
            body_attribute("else_branch", {node("Relu", {"x"}, {"d"})}, {},
                           {value_info("d", {-1, 4})})},
           "branch"),
      node("ReluGrad", {"d", "x"}, {"e"}, {}, "internal"),
      node("Cast", {"e"}, {"y"}, {int_attribute("to", 8)}, "to_text"),
  };
  parts.initializers = {tensor_head("text", 8, {1}).text(6, "hello"),
                        tensor_head("six", 27, {2}).varint_list(5, {1})};
  parts.sparse_initializers = {Message().message(1, floats("thin", {1}, {1})).number(3, 4)};
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("model.onnx", parts.bytes()));
  for (const char* part :
       {"op Foo of domain com.example: 3 nodes, such as 'foo1', 'foo2', 'foo3'",
        "op ImageDecoder: 1 node", "op ReluGrad: 1 node", "casting to STRING",
        "tensors of type STRING: 1 time, such as 'text'", "tensors of type FLOAT6E2M3",
        "sparse initializers: 1 time, such as 'thin'"}) {
    expect_error(ErrorCode::kUnsupported, part, [&] { model.build_graph(graph::standard_ops()); });
  }
}

TEST(OnnxImport, NamesOpsetsAndIrVersionsItDoesNotKnow) {
  const TemporaryFolder folder;
  ModelParts parts = linear();
  parts.opset = 6;
  const std::string old = folder.write("old.onnx", parts.bytes());
  expect_error(ErrorCode::kUnsupported, "opset 6; opsets 7 to 28", [&] { OnnxModel::load(old); });
  parts.opset = 29;
  const std::string fresh = folder.write("new.onnx", parts.bytes());
  expect_error(ErrorCode::kUnsupported, "opset 29", [&] { OnnxModel::load(fresh); });
  parts.opset = 20;
  parts.ir = 15;
  const std::string ir = folder.write("ir.onnx", parts.bytes());
  expect_error(ErrorCode::kUnsupported, "IR version 15", [&] { OnnxModel::load(ir); });
}

}  // namespace
}  // namespace temper::test
