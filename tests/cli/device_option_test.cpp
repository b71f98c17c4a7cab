// Where a device is chosen: --device and train.device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(Devices, ThatNobodyKnowsAreAnsweredWithThoseOfTheBuild) {
  const std::vector<std::vector<std::string>> commands = {
      {"predict", digits("digits.onnx"), digits("digits.npz"), "--out", "p.npz"},
      {"eval", digits("digits.toml")},
      {"grad", digits("digits.onnx"), digits("digits.npz")},
      {"bench", digits("digits.onnx"), digits("digits.npz")},
      {"lr-find", digits("digits.toml")},
      {"diagnose", digits("digits.toml")},
      {"inspect", digits("digits.onnx")},
      {"generate", digits("digits.onnx"), "--tokens", "1"}};
  const ScratchFolder scratch;
  CommandOptions there;
  there.folder = scratch.path();
  for (std::vector<std::string> command : commands) {
    const std::string name = command.front();
    command.insert(command.end(), {"--device", "gpu"});
    const CommandResult result = run_temper(command, there);
    EXPECT_EQ(result.exit_code, 2) << name << result.err;
    EXPECT_THAT(result.err, HasSubstr("unknown device 'gpu': this build has auto, cpu, reference"))
        << name;
  }
}

TEST(Devices, ThatAreNotThereExitWith8) {
  const ScratchFolder scratch;
  const CommandResult result = run_temper(
      {"train", digits("digits.toml"), "train.device=cuda:99", "train.out=" + (scratch / "run")});
  EXPECT_EQ(result.exit_code, 8) << result.err;
}

TEST(Devices, ThatTheBuildLacksAreToldWithWhatToDo) {
  if (has_cuda_backend()) {
    GTEST_SKIP() << "this build has the CUDA backend: tools/test_cuda.sh asks it without a GPU";
  }
  const ScratchFolder scratch;
  for (const std::string device : {"cuda", "cuda:1"}) {
    const CommandResult result =
        run_temper({"train", digits("digits.toml"), "train.device=" + device,
                    "train.out=" + (scratch / "run")});
    EXPECT_EQ(result.exit_code, 8) << result.err;
    EXPECT_THAT(result.err, HasSubstr("this build has no CUDA backend: build with "
                                      "-DTEMPER_CUDA=ON, or use train.device = \"cpu\""));
    EXPECT_FALSE(std::filesystem::exists(scratch / "run"));
  }
}

TEST(Devices, ChosenByAutoAreToldWithTheReasonAndKeptInTheRecipe) {
  const ScratchFolder scratch;
  const std::string run = scratch / "run";
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "train.device=auto", "train.epochs=1",
                  "log.charts=false", "train.out=" + run});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const DeviceChoice choice = choose_device("auto");
  EXPECT_THAT(result.err,
              HasSubstr("train.device = \"" + choice.device + "\" (auto: " + choice.why));
  EXPECT_THAT(file_text(run + "/recipe.toml"), HasSubstr("device = \"" + choice.device + "\""));
}

TEST(Devices, GiveTheSameGradientsByTheirOption) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  std::vector<double> losses;
  for (const char* device : {"cpu", "cuda-emulated"}) {
    const CommandResult result = run_temper(
        {"grad", digits("digits.onnx"), digits("digits.npz"), "--device", device, "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    losses.push_back(training::parse_json(result.out, "grad").at("loss").as_double("loss"));
  }
  EXPECT_NEAR(losses[0], losses[1], 1e-6);
}

// A batch of 16 pictures of 8 x 8 and as many labels lies in one place and comes in by two.
TEST(Devices, AreAskedForTheMemoryOfInputsToo) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const ScratchFolder scratch;
  const CommandResult result =
      run_temper({"train", digits("digits.toml"), "train.device=cuda-emulated",
                  "data.batch_size=16", "train.out=" + scratch / "run", "--dry-run", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  const training::JsonValue& bytes = line.at("memory_bytes");
  const auto of = [&](const char* name) { return bytes.at(name).as_int("b"); };
  EXPECT_GE(of("inputs"), 3 * 16 * (64 * 4 + 8));
  EXPECT_EQ(of("total"), of("variables") + of("gradients") + of("activations") + of("constants") +
                             of("kernels") + of("inputs"));
}

TEST(InspectCommand, TellsTheWorkOfAStepOnADevice) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const std::vector<std::string> command = {"inspect", digits("digits.onnx"), "--kernels",
                                            "--device", "cuda-emulated"};
  const CommandResult text = run_temper(command);
  ASSERT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("work of a training step on cuda-emulated"));
  EXPECT_THAT(text.out,
              HasSubstr("1 launch of the graph, 5 copies, 0 kernels, 0 waits, 0 allocations"));
  std::vector<std::string> as_json = command;
  as_json.push_back("--json");
  const CommandResult result = run_temper(as_json);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "inspect");
  const training::JsonValue& work = line.at("work");
  EXPECT_EQ(work.at("replays").as_int("replays"), 1);
  EXPECT_GT(work.at("kernels").as_int("kernels"), 0);
  EXPECT_GT(work.at("bytes_read").as_int("bytes_read"), 0);
}

}  // namespace
}  // namespace temper::test
