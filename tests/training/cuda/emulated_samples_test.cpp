// Every recipe of models/ on the emulated device against the CPU: losses and all that is logged,
// evaluation, the trained weights and their predictions. Fewer steps and smaller batches than the
// recipes say, and the architectures that a recipe has made by `temper new` are made small.
#include <temper_test_paths.h>

#include <algorithm>
#include <filesystem>
#include <functional>

#include "backends/reference/reference_backend.h"
#include "graph/onnx/surgery/prepare.h"
#include "models/architecture.h"
#include "tests/training/cuda/device_pair.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

using Int = std::int64_t;
using Lines = std::vector<std::string>;

struct Sample {
  const char* name;
  const char* recipe;
  Lines settings;
  // Writes the model that the recipe has made.
  std::function<void(const std::string& path)> make_model = nullptr;
  Nearness nearness = {};
};

void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }

void write_fresh(const char* architecture, const Attrs& options, const std::string& path) {
  models::write_model(models::make_model(models::find_architecture(architecture), options, 0),
                      path);
}

std::function<void(const std::string&)> fresh(const char* architecture, const Attrs& options) {
  return [=](const std::string& path) { write_fresh(architecture, options, path); };
}

const Attrs kSmallGpt = {{"context", Int{16}},
                         {"layers", Int{1}},
                         {"heads", Int{2}},
                         {"width", Int{16}},
                         {"dropout", 0.1}};

void prepare(const std::string& from, const graph::PrepareOptions& options,
             const std::string& path) {
  const auto backend = reference::make_reference_backend();
  graph::prepare_model(graph::OnnxModel::load(from), options, {*backend, *backend, 1, {}}, path);
}

void write_adapters(const std::string& path) {
  const std::string base = path + ".base.onnx";
  write_fresh("gpt", kSmallGpt, base);
  graph::PrepareOptions options;
  options.lora.emplace();
  options.lora->rank = 4;
  options.lora->match = [](std::string_view name) {
    return name.starts_with("h.") && name.ends_with(".weight");
  };
  prepare(base, options, path);
}

void write_letters(const std::string& path) {
  graph::PrepareOptions options;
  options.head.emplace();
  options.head->classes = 6;
  prepare(TEMPER_SOURCE_DIR "/models/digits/digits.onnx", options, path);
}

class EmulatedSamples : public EmulatedRuns, public testing::WithParamInterface<Sample> {
 protected:
  Recipe recipe(const std::string& device, const std::string& out) {
    const Sample& sample = GetParam();
    RecipeSources sources;
    sources.file = std::string(TEMPER_SOURCE_DIR "/models/") + sample.recipe;
    sources.overrides = {"train.device=\"" + device + "\"",
                         "train.threads=1",
                         "train.out=\"" + folder_.path(out) + "\"",
                         "log.every=1",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.limit_val_batches=2"};
    if (sample.make_model) {
      const std::string model = folder_.path("model.onnx");
      if (!std::filesystem::exists(model)) {
        sample.make_model(model);
      }
      sources.overrides.push_back("model.path=\"" + model + "\"");
    }
    sources.overrides.insert(sources.overrides.end(), sample.settings.begin(),
                             sample.settings.end());
    Recipe made = read_recipe(sources);
    for (StageSettings& stage : made.stages) {
      stage.epochs = 1;
    }
    return made;
  }

  // What the model of the CPU's run gives for some rows.
  Prediction predicted(const std::string& device, const std::string& model) {
    Recipe wanted = recipe(device, "predicted");
    wanted.model.path = model;
    wanted.stages.clear();
    wanted.data.train = wanted.data.val.empty() ? wanted.data.train : wanted.data.val;
    return predict(wanted);
  }
};

TEST_P(EmulatedSamples, TrainAsOnTheCpu) {
  const RunRecord cpu = run_tiny(recipe("cpu", "cpu"), false);
  const RunRecord device = run_tiny(recipe(kDevice, "device"), false);
  EXPECT_GE(cpu.losses.size(), 8u);
  EXPECT_GE(logged(cpu.log, "val/loss").size(), 2u);
  expect_near_runs(cpu, device, GetParam().nearness);
  const std::string& model = cpu.result.last_model;
  const Prediction wanted = predicted("cpu", model), made = predicted(kDevice, model);
  ASSERT_EQ(wanted.outputs.size(), made.outputs.size());
  for (std::size_t i = 0; i < wanted.outputs.size(); ++i) {
    const auto values = wanted.outputs[i].second.values<double>();
    EXPECT_LE(distance(values, made.outputs[i].second.values<double>()),
              GetParam().nearness.outputs * norm_of(values))
        << wanted.outputs[i].first;
  }
  EXPECT_LT(*std::min_element(cpu.losses.begin() + 1, cpu.losses.end()), cpu.losses.front());
}

const Nearness kSixteenBits = {1e-3, 1e-3, 1e-2, 1e-2};

INSTANTIATE_TEST_SUITE_P(SixteenBits, EmulatedSamples,
                         testing::Values(Sample{"digits_bf16",
                                                "digits/digits.toml",
                                                {"train.steps=10", "train.precision=bf16"},
                                                nullptr,
                                                kSixteenBits},
                                         Sample{"digits_fp16",
                                                "digits/digits.toml",
                                                {"train.steps=10", "train.precision=fp16"},
                                                nullptr,
                                                kSixteenBits}),
                         [](const testing::TestParamInfo<Sample>& sample) {
                           return sample.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(
    Recipes, EmulatedSamples,
    testing::Values(
        Sample{"digits", "digits/digits.toml", {"train.steps=30", "train.eval_every=10"}},
        Sample{"cifar", "cifar/cifar.toml", {"train.steps=8", "data.batch_size=8"}},
        Sample{"regression", "regression/regression.toml", {"train.steps=50"}},
        Sample{"custom_loss", "custom_loss/custom_loss.toml", {"train.steps=50"}},
        Sample{"text", "text/text.toml", {"train.steps=8", "data.batch_size=4", "data.stride=200"}},
        Sample{"letters", "letters/letters.toml", {}, write_letters},
        Sample{"language",
               "language/gpt.toml",
               {"train.steps=12", "data.batch_size=4", "data.block=16", "data.stride=50"},
               fresh("gpt", kSmallGpt)},
        Sample{"lora",
               "language/lora.toml",
               {"train.steps=12", "data.batch_size=4", "data.block=16", "data.stride=50"},
               write_adapters},
        Sample{"forecast",
               "forecast/forecast.toml",
               {"train.steps=12", "data.batch_size=16"},
               fresh("lstm", {{"features", Int{1}}, {"hidden", Int{8}}})},
        Sample{"forecast_gru",
               "forecast/forecast.toml",
               {"train.steps=12", "data.batch_size=16"},
               fresh("gru", {{"features", Int{1}}, {"hidden", Int{8}}, {"bidirectional", Int{1}}})},
        Sample{"segmentation",
               "segmentation/segmentation.toml",
               {"train.steps=8", "data.batch_size=4"},
               fresh("unet", {{"channels", Int{1}},
                              {"classes", Int{3}},
                              {"image-size", Int{32}},
                              {"width", Int{4}},
                              {"depth", Int{2}}})}),
    [](const testing::TestParamInfo<Sample>& sample) { return sample.param.name; });

class EmulatedGanSample : public EmulatedRuns {};

TEST_F(EmulatedGanSample, TrainsAsOnTheCpu) {
  const auto run = [&](const std::string& device) {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/digits_gan/digits_gan.toml";
    sources.overrides = {"train.device=\"" + device + "\"",
                         "train.steps=4",
                         "data.batch_size=16",
                         "adversarial.samples_every=2",
                         "train.threads=1",
                         "log.every=1",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.out=\"" + folder_.path(device) + "\""};
    return run_tiny_gan(read_recipe(sources), false);
  };
  expect_near_gans(run("cpu"), run(kDevice));
}

}  // namespace
}  // namespace temper::training
