// Fresh models before they are files: their sizes are the known ones, and their values are drawn as
// PyTorch draws them.
#include "models/architecture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "graph/onnx/graph_writer.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "tests/runtime/platform/temporary_folder.h"

namespace temper {
namespace {

using models::FreshModel;
using Int = std::int64_t;

std::int64_t count_of(const char* architecture, const Attrs& options) {
  return models::parameter_count(
      models::make_model(models::find_architecture(architecture), options));
}

TEST(FreshModel, HasAsManyParametersAsTorchvisionsOrTransformers) {
  EXPECT_EQ(count_of("lenet", {}), 61706);
  EXPECT_EQ(count_of("resnet18", {}), 11689512);
  EXPECT_EQ(count_of("resnet34", {}), 21797672);
  EXPECT_EQ(count_of("resnet50", {}), 25557032);
  EXPECT_EQ(count_of("mobilenet_v2", {}), 3504872);
  EXPECT_EQ(count_of("unet", {}), 7763041) << "torch.hub's mateuszbuda/brain-segmentation-pytorch";
  EXPECT_EQ(count_of("vit", {}), 5717416) << "DeiT-Ti";
  EXPECT_EQ(count_of("vit", {{"heads", Int{12}}, {"width", Int{768}}, {"mlp", Int{3072}}}),
            86567656)
      << "vit_b_16";
  EXPECT_EQ(count_of("dcgan_generator", {}), 3576704);
  EXPECT_EQ(count_of("dcgan_discriminator", {}), 2765568);
}

// Models of gigabytes: no value is drawn until it is asked for.
TEST(FreshModel, OfAnySizeTakesNoMemoryUntilItIsWritten) {
  EXPECT_EQ(count_of("gpt", {{"vocabulary", Int{50257}},
                             {"context", Int{1024}},
                             {"layers", Int{12}},
                             {"heads", Int{12}},
                             {"width", Int{768}}}),
            124439808)
      << "gpt2";
  const Attrs bert = {
      {"layers", Int{12}}, {"heads", Int{12}}, {"width", Int{768}}, {"mlp", Int{3072}}};
  EXPECT_EQ(count_of("bert", bert), 109483778) << "bert-base-uncased for two classes";
  Attrs masked = bert;
  masked.set("head", std::string("masked-lm"));
  EXPECT_EQ(count_of("bert", masked), 109514298) << "BertForMaskedLM";
  EXPECT_EQ(count_of("llama", {}), 15191712) << "stories15M";
  EXPECT_EQ(count_of("llama", {{"layers", Int{32}},
                               {"heads", Int{32}},
                               {"kv-heads", Int{32}},
                               {"width", Int{4096}},
                               {"mlp", Int{11008}},
                               {"untied", Int{1}}}),
            6738415616)
      << "Llama-2-7b";
  EXPECT_EQ(count_of("llama", {{"layers", Int{22}},
                               {"heads", Int{32}},
                               {"kv-heads", Int{4}},
                               {"width", Int{2048}},
                               {"mlp", Int{5632}},
                               {"untied", Int{1}}}),
            1100048384)
      << "TinyLlama-1.1B";
}

std::vector<double> values_of(const FreshModel& model, const std::string& name) {
  const VariableId id = model.graph.find_variable(name);
  TEMPER_CHECK(id.valid(), ErrorCode::kInternal, "no tensor ", name);
  return graph::initial_value(model.graph.variable(id)).values<double>();
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0;
  for (const double value : values) {
    sum += (value - mean) * (value - mean);
  }
  return std::sqrt(sum / static_cast<double>(values.size()));
}

double largest(const std::vector<double>& values) {
  double most = 0;
  for (const double value : values) {
    most = std::max(most, std::abs(value));
  }
  return most;
}

FreshModel fresh(const char* architecture, const Attrs& options = {}, std::uint64_t seed = 0) {
  return models::make_model(models::find_architecture(architecture), options, seed);
}

TEST(FreshModel, BeginsWithPyTorchsDistributions) {
  const FreshModel mlp = fresh("mlp");
  // nn.Linear: uniform to 1/sqrt(784) = 0.0357, its deviation that over sqrt(3).
  const std::vector<double> weight = values_of(mlp, "layers.0.weight");
  EXPECT_LE(largest(weight), 1.0 / 28);
  EXPECT_GT(largest(weight), 0.999 / 28);
  EXPECT_NEAR(mean_of(weight), 0, 3e-4);
  EXPECT_NEAR(deviation_of(weight), 1 / (28 * std::sqrt(3.0)), 1e-4);
  EXPECT_LE(largest(values_of(mlp, "layers.0.bias")), 1.0 / 28);

  const FreshModel resnet = fresh("resnet18");
  // kaiming_normal_(mode="fan_out"): sqrt(2 / (64 * 3 * 3)).
  const std::vector<double> conv = values_of(resnet, "layer1.0.conv1.weight");
  EXPECT_NEAR(deviation_of(conv), std::sqrt(2.0 / 576), 1e-3);
  EXPECT_NEAR(mean_of(conv), 0, 1e-3);
  EXPECT_GT(largest(conv), 3.5 * std::sqrt(2.0 / 576)) << "normal, not uniform";
  EXPECT_EQ(mean_of(values_of(resnet, "layer1.0.bn1.weight")), 1);
  EXPECT_EQ(largest(values_of(resnet, "layer1.0.bn1.bias")), 0);
  EXPECT_EQ(mean_of(values_of(resnet, "layer1.0.bn1.running_var")), 1);

  // nn.LSTM: uniform to 1/sqrt(hidden).
  const FreshModel lstm = fresh("lstm", {{"hidden", Int{64}}});
  EXPECT_LE(largest(values_of(lstm, "layers.0.weight_hh")), 0.125);
  EXPECT_NEAR(deviation_of(values_of(lstm, "layers.0.weight_hh")), 0.125 / std::sqrt(3.0), 1e-3);
  EXPECT_LE(largest(values_of(lstm, "layers.0.bias")), 0.125);
  // nn.Embedding: N(0, 1).
  const FreshModel tokens = fresh("lstm", {{"vocabulary", Int{1000}}});
  EXPECT_NEAR(deviation_of(values_of(tokens, "embedding.weight")), 1, 0.02);
  // GPT-2: N(0, 0.02), at a branch's end over sqrt(2 layers).
  const FreshModel gpt = fresh("gpt", {{"layers", Int{2}}});
  EXPECT_NEAR(deviation_of(values_of(gpt, "h.1.attn.c_attn.weight")), 0.02, 2e-4);
  EXPECT_NEAR(deviation_of(values_of(gpt, "h.1.mlp.c_proj.weight")), 0.01, 1e-4);
  EXPECT_EQ(largest(values_of(gpt, "h.1.attn.c_attn.bias")), 0);
}

TEST(FreshModel, IsDrawnFromItsSeedAlone) {
  const char* name = "layers.0.weight";
  const std::vector<double> first = values_of(fresh("mlp"), name);
  EXPECT_EQ(values_of(fresh("mlp"), name), first);
  EXPECT_NE(values_of(fresh("mlp", {}, 1), name), first);
  const FreshModel model = fresh("mlp");
  EXPECT_NE(values_of(model, "layers.0.bias"), values_of(model, "layers.1.bias"));
  // From any place on, as a file is written a piece at a time.
  const graph::Variable& variable = model.graph.variable(model.graph.find_variable(name));
  for (const std::int64_t from : {1, 6, 12345}) {
    std::vector<float> some(7);
    variable.stored->read(from, std::as_writable_bytes(std::span(some)));
    for (std::size_t i = 0; i < some.size(); ++i) {
      EXPECT_EQ(static_cast<double>(some[i]), first[static_cast<std::size_t>(from) + i]);
    }
  }
}

TEST(FreshModel, RefusesOptionsThatItCannotHave) {
  const auto message = [](const char* architecture, const Attrs& options,
                          std::int64_t opset = models::kDefaultOpset) {
    try {
      models::make_model(models::find_architecture(architecture), options, 0, opset);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return std::string(error.what());
    }
    return std::string();
  };
  EXPECT_NE(message("resnet19", {}).find("resnet18"), std::string::npos);
  EXPECT_NE(message("mlp", {{"clases", Int{3}}}).find("inputs"), std::string::npos);
  EXPECT_NE(message("mlp", {{"inputs", Int{0}}}).find("at least 1"), std::string::npos);
  EXPECT_NE(message("mlp", {{"dropout", 1.0}}).find("below 1"), std::string::npos);
  EXPECT_NE(message("mlp", {{"hidden", Int{3}}}).find("type"), std::string::npos);
  EXPECT_NE(message("gpt", {{"heads", Int{5}}}).find("multiple"), std::string::npos);
  EXPECT_NE(message("unet", {{"image-size", Int{100}}}).find("halved"), std::string::npos);
  EXPECT_NE(message("bert", {{"head", std::string("ner")}}).find("masked-lm"), std::string::npos);
  EXPECT_NE(message("mlp", {}, 17).find("18 to 28"), std::string::npos);
}

// What a model of more than a gigabyte is written as.
TEST(FreshModel, IsTheSameWithItsTensorsInAFileBesideIt) {
  const TemporaryFolder folder;
  const FreshModel model = fresh("convnet", {{"widths", std::vector<Int>{4, 8}}}, 5);
  graph::GraphFile file;
  file.opset = model.opset;
  file.output_dims = model.output_dims;
  file.inline_bytes = 0;
  graph::write_graph(model.graph, file, folder.file("big.onnx"));
  const graph::OnnxModel read = graph::OnnxModel::load(folder.file("big.onnx"));
  EXPECT_EQ(read.files().size(), 2U);
  const graph::Graph loaded = read.build_graph(graph::standard_ops());
  for (int i = 0; i < model.graph.variable_count(); ++i) {
    const graph::Variable& variable = model.graph.variable(VariableId{i});
    const VariableId id = loaded.find_variable(variable.name);
    ASSERT_TRUE(id.valid()) << variable.name;
    EXPECT_TRUE(
        equal_bits(graph::initial_value(loaded.variable(id)), graph::initial_value(variable)))
        << variable.name;
  }
}

}  // namespace
}  // namespace temper
