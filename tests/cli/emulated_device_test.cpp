// The command on the emulated device gives what it gives on the CPU: train, eval, predict, grad,
// export.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cuda/cuda_backend.h"
#include "tests/cli/run_command.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using training::JsonValue;

class EmulatedCommand : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
  // What the command prints as JSON.
  JsonValue answer(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const CommandResult result = run_temper(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return training::parse_json(result.out, arguments.front());
  }
  // Every array of two files.
  static void expect_near_arrays(const std::string& cpu, const std::string& device) {
    const training::NpzFile wanted(cpu), made(device);
    EXPECT_EQ(wanted.names(), made.names());
    EXPECT_FALSE(wanted.names().empty());
    for (const std::string& name : wanted.names()) {
      const auto a = wanted.read(name).values<double>(), b = made.read(name).values<double>();
      ASSERT_EQ(a.size(), b.size()) << name;
      double apart = 0, norm = 0;
      for (std::size_t i = 0; i < a.size(); ++i) {
        apart = std::hypot(apart, a[i] - b[i]);
        norm = std::hypot(norm, a[i]);
      }
      EXPECT_LE(apart, 1e-5 * norm) << name;
    }
  }

  ScratchFolder scratch_;
};

TEST_F(EmulatedCommand, EvaluatesPredictsAndDifferentiatesAsOnTheCpu) {
  const std::string model = digits("digits.onnx"), data = digits("digits.npz");
  for (const std::string device : {"cpu", "cuda-emulated"}) {
    answer({"predict", model, data, "--out", scratch_ / (device + ".predict.npz"),
            "train.device=" + device});
    answer({"grad", model, data, "--out", scratch_ / (device + ".grad.npz"), "--device", device});
  }
  expect_near_arrays(scratch_ / "cpu.predict.npz", scratch_ / "cuda-emulated.predict.npz");
  expect_near_arrays(scratch_ / "cpu.grad.npz", scratch_ / "cuda-emulated.grad.npz");
  const auto loss = [&](const std::string& device) {
    return answer({"eval", digits("digits.toml"), "train.device=" + device})
        .at("loss")
        .as_double("loss");
  };
  EXPECT_NEAR(loss("cpu"), loss("cuda-emulated"), 1e-5);
}

TEST_F(EmulatedCommand, TrainsAndExportsWhatItTrained) {
  const std::string run = scratch_ / "run";
  answer({"train", digits("digits.toml"), "train.steps=4", "train.device=cuda-emulated",
          "train.limit_val_batches=1", "train.out=" + run});
  const std::string exported = scratch_ / "exported.onnx";
  const CommandResult result = run_temper({"export", run, exported});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const std::string& model : {run + "/last.onnx", exported}) {
    const std::string name = model == exported ? "exported" : "last";
    answer({"predict", model, digits("digits.npz"), "--out", scratch_ / (name + ".npz")});
  }
  expect_near_arrays(scratch_ / "last.npz", scratch_ / "exported.npz");
}

}  // namespace
}  // namespace temper::test
