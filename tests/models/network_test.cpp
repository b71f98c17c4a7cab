// Gradients of small exported networks against PyTorch's in double: each kind of parameter that
// only its surroundings tell from a constant, files that onnxruntime's optimizer wrote
// (tools/oracle/small_networks.py), such that it computes in 8 bits (rounding_networks.py), and a
// loop that carries its weights (loop_networks.py).
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cmath>
#include <set>
#include <string>

#include "training/analysis/gradients.h"
#include "training/formats/npz.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_sources.h"

namespace temper {
namespace {

struct Network {
  const char* name;
  double tolerance;
  bool all;  // every tensor that trains is a parameter of PyTorch's; else some are folded
};

void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }

std::string path_of(const Network& network, const std::string& end) {
  return std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/networks/" + network.name + end;
}

training::Gradients gradients(const Network& network) {
  training::RecipeSources sources;
  sources.overrides = {"model.path=\"" + path_of(network, ".onnx") + "\"",
                       "data.train=\"" + path_of(network, ".npz") + "\"", "loss.name=mse",
                       "train.threads=1", "data.standardize=false"};
  return training::compute_gradients(training::read_recipe(sources), {});
}

class NetworkTest : public testing::TestWithParam<Network> {};

TEST_P(NetworkTest, HasPyTorchsLossAndGradients) {
  const training::NpzFile expected(path_of(GetParam(), ".gradients.npz"));
  const training::Gradients made = gradients(GetParam());
  const double loss = expected.read("loss").values<double>()[0];
  EXPECT_NEAR(made.loss, loss, GetParam().tolerance * loss);
  double total = 0;
  for (const std::string& name : expected.names()) {
    for (const double value : expected.read(name).values<double>()) {
      total += name == "loss" ? 0 : value * value;
    }
  }
  std::set<std::string> missing(expected.names().begin(), expected.names().end());
  missing.erase("loss");
  for (const auto& [name, tensor] : made.tensors) {
    EXPECT_TRUE(missing.contains(name) || !GetParam().all) << name << " trains";
    if (missing.erase(name) == 0) {
      continue;
    }
    const std::vector<double> wanted = expected.read(name).values<double>();
    const std::vector<double> actual = tensor.values<double>();
    ASSERT_EQ(actual.size(), wanted.size()) << name;
    // What is zero in theory, the gradient of a key's bias, is rounding noise.
    double norm = (GetParam().tolerance > 1e-6 ? 1e-6 : 1e-12) * total;
    double difference = 0;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      norm += wanted[i] * wanted[i];
      difference += (actual[i] - wanted[i]) * (actual[i] - wanted[i]);
    }
    EXPECT_LE(std::sqrt(difference / norm), GetParam().tolerance) << name;
  }
  EXPECT_EQ(missing, std::set<std::string>()) << "these do not train";
}

// In double to 1e-8; what onnxruntime optimises is in float32.
INSTANTIATE_TEST_SUITE_P(
    Networks, NetworkTest,
    testing::Values(Network{"places_raw", 1e-8, true}, Network{"places_default", 1e-8, false},
                    Network{"places_fixed", 1e-8, false}, Network{"fused_bert", 1e-4, true},
                    Network{"fused_bert_tanh", 1e-4, true}, Network{"fused_rms", 1e-5, true},
                    Network{"fused_products", 1e-5, true},
                    Network{"fused_convolutions", 1e-5, true},
                    Network{"quantized_lstm", 1e-5, true},
                    Network{"quantized_products", 1e-5, true}, Network{"loop_weights", 1e-5, true}),
    [](const auto& network) { return std::string(network.param.name); });

}  // namespace
}  // namespace temper
