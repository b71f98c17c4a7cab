// What the shape rules of the neural-network ops refuse, and how they say it.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "graph/ir/builder.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

struct BadNode {
  std::string op;
  std::vector<Shape> inputs;
  Attrs attrs;
  ErrorCode code;
  std::string text;  // must be part of the message
  int outputs = 1;
};

std::vector<BadNode> bad_nodes() {
  const auto model = ErrorCode::kInvalidModel;
  return {
      {"MatMul",
       {{2, 3}, {4, 2}},
       {},
       model,
       "MatMul of [2,3] and [4,2]: the inner dimensions differ"},
      {"MatMul", {{2, 3, 4}, {3, 4, 2}}, {}, model, "[2]"},
      {"MatMul", {{}, {3}}, {}, model, "MatMul of a scalar"},
      {"Gemm", {{2, 3}, {4, 3}}, {}, model, "Gemm of [2,3] and [4,3]: the inner dimensions differ"},
      {"Gemm", {{2, 3, 1}, {3, 3}}, {}, model, "Gemm needs matrices"},
      {"Gemm", {{2, 3}, {3, 4}, {2}}, {}, model, "[2]"},
      {"Conv", {{1, 4, 5, 5}, {2, 4, 3, 3}}, {{"group", std::int64_t{0}}}, model, "group is 0"},
      {"Conv", {{1, 4, 5, 5}, {2, 3, 3, 3}}, {}, model, "has 4 channels"},
      {"Conv", {{1, 4, 5, 5}, {3, 2, 3, 3}}, {{"group", std::int64_t{2}}}, model, "group 2"},
      {"Conv", {{1, 4, 5, 2}, {2, 4, 3, 3}}, {}, model, "padded input has only 2"},
      {"Conv",
       {{1, 4, 5, 5}, {2, 4, 3, 3}},
       {{"kernel_shape", Ints{2, 3}}},
       model,
       "kernel_shape is [2,3]"},
      {"Conv", {{1, 4, 5, 5}, {2, 4, 3, 3}, {3}}, {}, model, "the bias has the shape [3]"},
      {"Conv", {{1, 4, 5, 5}, {2, 4, 3}}, {}, model, "the weights have the shape [2,4,3]"},
      {"Conv",
       {{1, 4, 5, 5}, {2, 4, 3, 3}},
       {{"pads", Ints{1, 1}}},
       model,
       "pads has 2 entries, expected 4"},
      {"Conv",
       {{1, 1, 2, 2, 2, 2}, {1, 1, 1, 1, 1, 1}},
       {},
       ErrorCode::kUnsupported,
       "4 spatial dimensions"},
      {"PRelu", {{3}, {2, 3}}, {}, model, "the slope has the shape [2,3]"},
      {"Celu", {{3}}, {{"alpha", 0.0}}, model, "its alpha, which is 0"},
      {"Mod", {{3}, {3}}, {{"fmod", std::int64_t{2}}}, model, "fmod is 2, expected 0 or 1"},
      {"BitShift", {{3}, {3}}, {{"direction", std::string("UP")}}, model, "direction is \"UP\""},
      {"BitCast",
       {{3}},
       {{"to", std::string("u16")}},
       ErrorCode::kUnsupported,
       "BitCast from f32 to u16, which differ in size"},
      {"SwiGLU", {{3}, {2, 3}}, {}, model, "must have one shape"},
      {"MaxPool", {{1, 4, 5, 5}}, {}, model, "kernel_shape is []"},
      {"MaxPool",
       {{1, 4, 5, 5}},
       {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{2, 0, 0, 0}}},
       model,
       "a window would lie in the padding"},
      {"AveragePool",
       {{1, 4, 5, 2}},
       {{"kernel_shape", Ints{3, 3}}},
       model,
       "padded input has only 2"},
      {"GlobalMaxPool", {{1, 4, 0}}, {}, model, "no elements to pool"},
      {"GlobalAveragePool", {{1, 4, 3, 0}}, {}, model, "no elements to pool"},
      {"MaxPool",
       {{1, 4, 0, 3}},
       {{"kernel_shape", Ints{2, 2}}, {"pads", Ints{1, 0, 1, 0}}},
       model,
       "no elements to pool"},
      {"AveragePool",
       {{1, 4, 0}},
       {{"kernel_shape", Ints{2}}, {"pads", Ints{1, 1}}},
       model,
       "no elements to pool"},
      {"BatchNormalization",
       {{2, 3, 4}, {4}, {3}, {3}, {3}},
       {},
       model,
       "input 1 has the shape [4]"},
      {"BatchNormalization", {{2, 3}, {3}, {3}, {3}, {3}}, {}, model, "training_mode=1", 3},
      {"BatchNormTrain",
       {{1, 3, 1}, {3}, {3}, {3}, {3}},
       {},
       ErrorCode::kInvalidArgument,
       "more than one value per channel"},
      {"Dropout", {{2}}, {{"ratio", 1.5}}, model, "ratio is 1.5"},
  };
}

TEST(NeuralNetworkOps, RefuseWrongModelsAndSayWhy) {
  for (const BadNode& bad : bad_nodes()) {
    Graph graph(standard_ops());
    std::vector<ValueId> inputs;
    for (const Shape& shape : bad.inputs) {
      inputs.push_back(graph.add_input(concat("x", inputs.size()), DType::kFloat32, shape));
    }
    try {
      Builder(graph, "test").ops(bad.op, inputs, bad.outputs, bad.attrs);
      ADD_FAILURE() << bad.op << " was accepted; expected: " << bad.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), bad.code) << error.what();
      EXPECT_NE(error.message().find(bad.text), std::string::npos)
          << bad.op << ": '" << error.message() << "' does not say '" << bad.text << "'";
    }
  }
}

TEST(NeuralNetworkOps, CrossEntropyRefusesLabelsThatDoNotFit) {
  const auto refused = [](const Shape& logits, const Shape& labels, DType type, Attrs attrs) {
    Graph graph(standard_ops());
    const ValueId x = graph.add_input("x", DType::kFloat32, logits);
    const ValueId y = graph.add_input("y", type, labels);
    EXPECT_THROW(Builder(graph, "test").op("CrossEntropy", {x, y}, std::move(attrs)), Error)
        << to_string(logits) << to_string(labels);
  };
  refused({4, 3}, {3}, DType::kInt64, {});
  refused({4, 3}, {4, 3}, DType::kInt64, {});
  refused({4, 3}, {4}, DType::kFloat32, {});
  refused({4}, {4}, DType::kInt64, {});
  refused({4, 3}, {4}, DType::kInt64, {{"reduction", std::string("average")}});
  refused({4, 3}, {4}, DType::kInt64, {{"label_smoothing", 1.5}});
}

TEST(NeuralNetworkOps, UpdatesRefuseStatesThatDoNotFit) {
  const auto make = [](const Shape& state, Attrs attrs) {
    Graph graph(standard_ops());
    const std::vector<ValueId> inputs{graph.add_input("ok", DType::kBool, Shape{}),
                                      graph.add_input("rates", DType::kFloat64, Shape{2, 1}),
                                      graph.add_input("step", DType::kInt64, Shape{}),
                                      graph.add_input("scale", DType::kFloat32, Shape{}),
                                      graph.add_input("p", DType::kFloat32, Shape{2, 3}),
                                      graph.add_input("g", DType::kFloat32, Shape{2, 3}),
                                      graph.add_input("m", DType::kFloat32, state)};
    Builder(graph, "test").ops("SgdUpdate", inputs, 2, std::move(attrs));
  };
  const std::vector<std::string> states{"momentum_buffer"};
  EXPECT_NO_THROW(make({2, 3}, {{"states", states}}));
  EXPECT_THROW(make({6}, {{"states", states}}), Error);
  EXPECT_THROW(make({2, 3}, {}), Error);  // no state is named
  EXPECT_THROW(make({2, 3}, {{"states", states}, {"momentum", std::vector<double>{0.9, 0.9}}}),
               Error);  // one number per group
  EXPECT_THROW(make({2, 3}, {{"states", states}, {"group_of", Ints{1}}}), Error);
}

}  // namespace
}  // namespace temper::graph
