// Gradients of every parameter on the emulated device against the reference backend: the
// architectures, small, and the digits' network, in training mode.
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>

#include "models/architecture.h"
#include "tests/training/cuda/device_pair.h"
#include "training/analysis/gradients.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Int = std::int64_t;

enum class Kind { kFloats, kTokens, kOnes };

struct Input {
  const char* name;
  Kind kind;
  std::vector<Int> shape;
};

struct Network {
  const char* name;
  const char* architecture;  // empty: the digits' network
  Attrs options;
  std::vector<Input> inputs;
  std::vector<Int> target;  // shape
  Int classes = 0;          // 0: numbers
};

void PrintTo(const Network& network, std::ostream* out) { *out << network.name; }

// Below `limit`.
std::vector<Int> indices(std::int64_t count, std::int64_t limit, std::uint64_t seed) {
  std::vector<Int> made;
  for (const float value : tiny_values(count, seed)) {
    made.push_back(static_cast<Int>((value + 1) / 2 * static_cast<float>(limit)) % limit);
  }
  return made;
}

class EmulatedGradients : public EmulatedRuns, public testing::WithParamInterface<Network> {
 protected:
  void write_files() {
    const Network& network = GetParam();
    if (*network.architecture != 0) {
      models::write_model(
          models::make_model(models::find_architecture(network.architecture), network.options, 0),
          folder_.path("model.onnx"));
    }
    std::vector<NamedTensor> arrays;
    for (const Input& input : network.inputs) {
      const Shape shape(input.shape);
      const std::int64_t count = shape.element_count();
      const Int limit = input.kind == Kind::kOnes ? 1 : 16;
      if (input.kind == Kind::kFloats) {
        arrays.emplace_back(input.name,
                            Tensor::from<float>(DType::kFloat32, shape, tiny_values(count, 7)));
      } else {
        std::vector<Int> values = indices(count, limit, 7);
        std::transform(values.begin(), values.end(), values.begin(),
                       [&](Int value) { return input.kind == Kind::kOnes ? 1 : value; });
        arrays.emplace_back(input.name, Tensor::from<Int>(DType::kInt64, shape, values));
      }
    }
    const Shape shape(network.target);
    const std::int64_t count = shape.element_count();
    arrays.emplace_back(
        "target",
        network.classes == 0
            ? Tensor::from<float>(DType::kFloat32, shape, tiny_values(count, 9))
            : Tensor::from<Int>(DType::kInt64, shape, indices(count, network.classes, 9)));
    write_npz(folder_.path("data.npz"), arrays);
  }

  Gradients gradients(const std::string& device) {
    const std::string model = *GetParam().architecture == 0 ? TEMPER_SOURCE_DIR
                                  "/models/digits/digits.onnx"
                                                            : folder_.path("model.onnx");
    RecipeSources sources;
    sources.overrides = {"model.path=\"" + model + "\"",
                         "data.train=\"" + folder_.path("data.npz") + "\"",
                         "train.device=\"" + device + "\"", "train.threads=1",
                         GetParam().classes == 0 ? "loss.name=mse" : "loss.name=cross_entropy"};
    return compute_gradients(read_recipe(sources), {});
  }
};

TEST_P(EmulatedGradients, AreThoseOfTheReference) {
  write_files();
  const Gradients wanted = gradients("reference"), made = gradients(kDevice);
  EXPECT_NEAR(wanted.loss, made.loss, 1e-5 * std::max(1.0, std::abs(wanted.loss)));
  ASSERT_EQ(wanted.tensors.size(), made.tensors.size());
  ASSERT_FALSE(wanted.tensors.empty());
  std::vector<double> norms;
  double total = 0, difference = 0;
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i) {
    norms.push_back(norm_of(wanted.tensors[i].second.values<double>()));
    total = std::hypot(total, norms.back());
  }
  for (std::size_t i = 0; i < wanted.tensors.size(); ++i) {
    const auto& [name, tensor] = wanted.tensors[i];
    EXPECT_EQ(name, made.tensors[i].first);
    const double apart = distance(tensor.values<double>(), made.tensors[i].second.values<double>());
    difference = std::hypot(difference, apart);
    // In front of a normalisation a bias has a gradient of rounding alone.
    EXPECT_LE(apart, std::max(1e-3 * norms[i], 1e-6 * total)) << name << ", norm " << norms[i];
  }
  EXPECT_LE(difference, 1e-4 * total);
  RecordProperty("difference", concat(difference / total));
}

const Input kPicture = {"input", Kind::kFloats, {4, 3, 32, 32}};
const Input kTokens = {"tokens", Kind::kTokens, {2, 8}};
const Input kSeries = {"input", Kind::kFloats, {4, 6, 3}};
const std::vector<Int> kWidths = {8, 16};

INSTANTIATE_TEST_SUITE_P(
    Networks, EmulatedGradients,
    testing::Values(
        Network{"digits", "", {}, {{"input", Kind::kFloats, {8, 1, 8, 8}}}, {8}, 10},
        Network{"cifar_cnn", "convnet", {{"widths", kWidths}}, {kPicture}, {4}, 10},
        Network{"resnet18",
                "resnet18",
                {{"width", Int{8}},
                 {"stem", std::string("small")},
                 {"image-size", Int{32}},
                 {"classes", Int{10}}},
                {kPicture},
                {4},
                10},
        Network{"mobilenet_v2",
                "mobilenet_v2",
                {{"width-percent", Int{25}},
                 {"image-size", Int{32}},
                 {"classes", Int{10}},
                 {"dropout", 0.0}},
                {kPicture},
                {4},
                10},
        Network{"unet",
                "unet",
                {{"channels", Int{3}},
                 {"classes", Int{3}},
                 {"image-size", Int{32}},
                 {"width", Int{4}},
                 {"depth", Int{2}}},
                {kPicture},
                {4, 32, 32},
                3},
        Network{"vit",
                "vit",
                {{"image-size", Int{32}},
                 {"patch", Int{8}},
                 {"layers", Int{2}},
                 {"heads", Int{2}},
                 {"width", Int{16}},
                 {"mlp", Int{32}},
                 {"classes", Int{10}}},
                {kPicture},
                {4},
                10},
        Network{"gpt",
                "gpt",
                {{"context", Int{8}},
                 {"layers", Int{2}},
                 {"heads", Int{2}},
                 {"width", Int{16}},
                 {"vocabulary", Int{32}}},
                {kTokens},
                {2, 8},
                32},
        Network{"llama",
                "llama",
                {{"layers", Int{2}},
                 {"heads", Int{4}},
                 {"kv-heads", Int{2}},
                 {"width", Int{16}},
                 {"mlp", Int{32}},
                 {"vocabulary", Int{32}}},
                {kTokens},
                {2, 8},
                32},
        Network{"bert",
                "bert",
                {{"context", Int{8}},
                 {"layers", Int{2}},
                 {"heads", Int{2}},
                 {"width", Int{16}},
                 {"mlp", Int{32}},
                 {"vocabulary", Int{32}},
                 {"token-types", Int{0}}},
                {{"input_ids", Kind::kTokens, {2, 8}}, {"attention_mask", Kind::kOnes, {2, 8}}},
                {2},
                2},
        Network{"lstm",
                "lstm",
                {{"features", Int{3}}, {"hidden", Int{8}}, {"layers", Int{2}}},
                {kSeries},
                {4, 1}},
        Network{"gru",
                "gru",
                {{"features", Int{3}}, {"hidden", Int{8}}, {"bidirectional", Int{1}}},
                {kSeries},
                {4, 1}},
        Network{"tcn", "tcn", {{"features", Int{3}}, {"widths", kWidths}}, {kSeries}, {4, 1}},
        Network{"autoencoder",
                "autoencoder",
                {{"widths", kWidths}, {"latent", Int{4}}},
                {{"input", Kind::kFloats, {4, 1, 32, 32}}},
                {4, 1, 32, 32}}),
    [](const testing::TestParamInfo<Network>& network) { return network.param.name; });

}  // namespace
}  // namespace temper::training
