// Models with fewer weights against torch.nn.utils.prune (tools/oracle/embedding.py).
#include "training/analysis/pruning.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "graph/onnx/surgery/model_edit.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

std::string sample(const std::string& name) { return fixture("embed/" + name); }

Tensor expected(const std::string& name) { return NpzFile(sample("expected.npz")).read(name); }

TEST(Pruning, TheSmallestWeightsOfEachLayerAreZeros) {
  const TempFolder folder;
  PruningOptions options;
  options.prune.sparsity = 0.3;
  const std::string out = folder.path("out.onnx");
  EXPECT_EQ(prune_model(sample("chain.onnx"), out, options).layers.size(), 4u);
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  graph::ModelEdit file(model);
  for (const char* layer : {"a", "b", "c", "d"}) {
    const std::string name = concat(layer, ".weight");
    const Tensor of_torch = expected(concat("chain.", name));  // -0 where a weight was negative
    EXPECT_EQ(compare_outputs(name, of_torch, file.read(name)).difference, 0) << name;
  }
}

TEST(Pruning, ChannelsAreGoneWithAllThatReadsThem) {
  const TempFolder folder;
  PruningOptions options;
  options.prune.channels = true;
  const std::string out = folder.path("out.onnx");
  const Pruning done = prune_model(sample("chain.onnx"), out, options);
  ASSERT_EQ(done.layers.size(), 4u);
  EXPECT_EQ(done.layers[0].gone, 3);
  EXPECT_EQ(done.layers[1].gone, 2);
  EXPECT_EQ(done.layers[2].gone, 5);
  EXPECT_THAT(done.layers[3].kept, HasSubstr("its outputs are the model's"));
  const graph::OnnxModel model = graph::OnnxModel::load(out);
  graph::ModelEdit file(model);
  for (const auto& [name, shape] :
       {std::pair("a.weight", Shape{3, 2, 3, 3}), std::pair("bn.running_var", Shape{3}),
        std::pair("b.weight", Shape{2, 3, 3, 3}), std::pair("c.weight", Shape{5, 8}),
        std::pair("d.weight", Shape{3, 5})}) {
    EXPECT_EQ(file.header(name).shape, shape) << name;
  }
  TrialRunner runner({}, 1);
  const TrialResult y = runner.run(model, {{"x", expected("chain.x")}});
  EXPECT_LT(compare_outputs("y", expected("chain.y"), y.values.at(0)).difference, 1e-5);
}

TEST(Pruning, LayersWhoseOutputsGoElsewhereStay) {
  const TempFolder folder;
  PruningOptions options;
  options.prune.channels = true;
  options.prune.match = [](std::string_view name) { return name == "d"; };
  expect_error([&] { prune_model(sample("chain.onnx"), folder.path("out.onnx"), options); },
               ErrorCode::kInvalidArgument, "its outputs are the model's");
  EXPECT_FALSE(std::filesystem::exists(folder.path("out.onnx")));
}

}  // namespace
}  // namespace temper::training
