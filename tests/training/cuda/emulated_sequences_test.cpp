// Models of sequences on the emulated device: recurrent layers and attention trained some steps,
// against the CPU.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "backends/cuda/cuda_backend.h"
#include "models/architecture.h"
#include "tests/training/support/tiny_run.h"
#include "training/recipe/recipe.h"

namespace temper::training {
namespace {

using Int = std::int64_t;

struct Sample {
  const char* name;
  const char* architecture;
  Attrs options;
  const char* recipe;
  std::vector<std::string> settings;
};

void PrintTo(const Sample& sample, std::ostream* out) { *out << sample.name; }

class EmulatedSequences : public testing::TestWithParam<Sample> {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }

  RunRecord run(const std::string& device) {
    const Sample& sample = GetParam();
    const std::string folder = testing::TempDir() + "/emulated_" + sample.name + "_" + device;
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    const std::string model = folder + "/model.onnx";
    models::write_model(
        models::make_model(models::find_architecture(sample.architecture), sample.options, 0),
        model);
    RecipeSources sources;
    sources.file = std::string(TEMPER_SOURCE_DIR "/models/") + sample.recipe;
    sources.overrides = {"train.device=\"" + device + "\"",
                         "train.threads=1",
                         "model.path=\"" + model + "\"",
                         "train.out=\"" + folder + "/run\"",
                         "log.tensorboard=false",
                         "log.charts=false",
                         "train.eval_every=0",
                         "train.steps=6"};
    sources.overrides.insert(sources.overrides.end(), sample.settings.begin(),
                             sample.settings.end());
    return run_tiny(read_recipe(sources), false);
  }
};

TEST_P(EmulatedSequences, LearnAsOnTheCpu) {
  const RunRecord cpu = run("cpu"), device = run("cuda-emulated");
  ASSERT_EQ(cpu.losses.size(), 6u);
  ASSERT_EQ(device.losses.size(), 6u);
  for (std::size_t i = 0; i < cpu.losses.size(); ++i) {
    EXPECT_NEAR(cpu.losses[i], device.losses[i], 1e-5 * std::max(1.0, cpu.losses[i]))
        << "step " << i;
  }
  EXPECT_LT(cpu.losses.back(), cpu.losses.front());
}

INSTANTIATE_TEST_SUITE_P(
    Models, EmulatedSequences,
    testing::Values(Sample{"lstm",
                           "lstm",
                           {{"features", Int{1}}, {"hidden", Int{8}}},
                           "forecast/forecast.toml",
                           {}},
                    Sample{"gru",
                           "gru",
                           {{"features", Int{1}}, {"hidden", Int{8}}, {"bidirectional", Int{1}}},
                           "forecast/forecast.toml",
                           {}},
                    Sample{"gpt",
                           "gpt",
                           {{"context", Int{16}},
                            {"layers", Int{1}},
                            {"heads", Int{2}},
                            {"width", Int{16}},
                            {"dropout", 0.1}},
                           "language/gpt.toml",
                           {"data.block=16", "data.stride=16"}}),
    [](const testing::TestParamInfo<Sample>& sample) { return sample.param.name; });

}  // namespace
}  // namespace temper::training
