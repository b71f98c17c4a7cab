// Training with kernels that are printed and compiled, on the device under test: the bits of the
// interpreter.
#include <temper_test_paths.h>

#include <cstdlib>
#include <filesystem>

#include "backends/cuda/emulated/emulated_device.h"
#include "models/architecture.h"
#include "tests/training/cuda/device_pair.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Int = std::int64_t;
using Lines = std::vector<std::string>;

class EmulatedPrograms : public EmulatedRuns {
 protected:
  void SetUp() override {
    EmulatedRuns::SetUp();
    is_emulated_ = kDevice == "cuda-emulated";
    if (is_emulated_ &&
        std::system("command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "there is no compiler on this machine";
    }
    setenv("XDG_CACHE_HOME", folder_.path("cache").c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TEMPER_NVRTC");
  }

  void write_model(const char* architecture, const Attrs& options) {
    models::write_model(models::make_model(models::find_architecture(architecture), options, 0),
                        folder_.path("model.onnx"));
  }

  RunRecord run(const char* compiles, RecipeSources sources) {
    setenv("TEMPER_NVRTC", compiles, 1);
    for (const std::string& line :
         {"model.path=\"" + folder_.path("model.onnx") + "\"", "train.device=\"" + kDevice + "\"",
          std::string("train.threads=1"), "train.out=\"" + folder_.path(compiles) + "\"",
          std::string("log.every=1"), std::string("log.tensorboard=false"),
          std::string("log.charts=false"), std::string("train.limit_val_batches=1")}) {
      sources.overrides.push_back(line);
    }
    Recipe recipe = read_recipe(sources);
    for (StageSettings& stage : recipe.stages) {
      stage.epochs = 1;
    }
    return run_tiny(recipe, false);
  }

  void expect_same_bits(const RecipeSources& sources) {
    const std::uint64_t before = emulated::device_counts().programs;
    const RunRecord interpreted = run("off", sources);
    EXPECT_EQ(emulated::device_counts().programs, before);
    const RunRecord compiled = run("on", sources);
    EXPECT_TRUE(!is_emulated_ || emulated::device_counts().programs > before);
    RecordProperty("programs", static_cast<int>(emulated::device_counts().programs - before));
    ASSERT_EQ(interpreted.losses.size(), 3u);
    EXPECT_EQ(interpreted.losses, compiled.losses);
    EXPECT_EQ(interpreted.variables, compiled.variables);
    EXPECT_EQ(interpreted.log, compiled.log);
  }

  bool is_emulated_ = true;
};

TEST_F(EmulatedPrograms, TrainAGptToTheBitsOfTheInterpreter) {
  write_model("gpt", {{"context", Int{16}},
                      {"layers", Int{2}},
                      {"heads", Int{2}},
                      {"width", Int{16}},
                      {"dropout", 0.1}});
  RecipeSources sources;
  sources.file = TEMPER_SOURCE_DIR "/models/language/gpt.toml";
  sources.overrides = {"train.steps=3", "data.batch_size=4", "data.block=16", "data.stride=50"};
  expect_same_bits(sources);
}

TEST_F(EmulatedPrograms, TrainACnnToTheBitsOfTheInterpreter) {
  for (const char* precision : {"f32", "bf16"}) {
    SCOPED_TRACE(precision);
    for (const char* name : {"on", "off", "cache"}) {
      std::filesystem::remove_all(folder_.path(name));
    }
    write_model("lenet", {{"image-size", Int{28}}, {"channels", Int{1}}, {"classes", Int{10}}});
    write_npz(
        folder_.path("data.npz"),
        {{"input",
          Tensor::from<float>(DType::kFloat32, {12, 1, 28, 28}, tiny_values(12 * 28 * 28, 7))},
         {"target", Tensor::from<Int>(DType::kInt64, {12},
                                      std::vector<Int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1})}});
    RecipeSources sources;
    sources.overrides = {"data.train=\"" + folder_.path("data.npz") + "\"", "data.batch_size=4",
                         "train.steps=3", std::string("train.precision=") + precision};
    expect_same_bits(sources);
  }
}

}  // namespace
}  // namespace temper::training
