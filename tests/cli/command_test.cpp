// The other subcommands and the command line itself, from outside.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using testing::HasSubstr;

TEST(CommandLine, AnUnknownCommandOrOptionNamesTheNearestAndExitsWith2) {
  const CommandResult command = run_temper({"trian"});
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_THAT(command.err, HasSubstr("did you mean train?"));
  const CommandResult option = run_temper({"train", digits("digits.toml"), "--dry-rum"});
  EXPECT_EQ(option.exit_code, 2);
  EXPECT_THAT(option.err, HasSubstr("did you mean --dry-run?"));
}

TEST(CommandLine, HelpAndVersionSucceedOnStdout) {
  const CommandResult help = run_temper({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  for (const char* name :
       {"train", "eval", "predict", "grad", "inspect", "plot", "bench", "doctor"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + name + " "));
  }
  const CommandResult grad = run_temper({"grad", "--help"});
  EXPECT_EQ(grad.exit_code, 0);
  EXPECT_EQ(run_temper({"help"}).out, help.out);
  EXPECT_EQ(run_temper({"help", "grad"}).out, grad.out);
  EXPECT_THAT(run_temper({"--version"}).out, HasSubstr("temper 0."));
  EXPECT_EQ(run_temper({}).exit_code, 2);
}

TEST(CommandLine, AMissingOptionIsNamed) {
  const CommandResult result = run_temper({"eval", digits("digits.onnx")});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--data"));
}

TEST(CommandLine, DataStandBehindTheModelOrAreAnOption) {
  const ScratchFolder scratch;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"eval"}, {"predict", "--out", scratch / "p.npz"}, {"grad"}}) {
    std::vector<std::string> by_place = {words.front(), digits("digits.onnx"),
                                         digits("digits.npz")};
    std::vector<std::string> as_option = {words.front(), digits("digits.onnx"), "--data",
                                          digits("digits.npz")};
    for (std::vector<std::string>* line : {&by_place, &as_option}) {
      line->insert(line->end(), words.begin() + 1, words.end());
      line->push_back("--json");
    }
    const CommandResult result = run_temper(by_place);
    ASSERT_EQ(result.exit_code, 0) << words.front() << ": " << result.err;
    EXPECT_EQ(result.out, run_temper(as_option).out) << words.front();
    as_option.insert(as_option.begin() + 2, "other.npz");
    const CommandResult twice = run_temper(as_option);
    EXPECT_EQ(twice.exit_code, 2) << words.front();
    EXPECT_THAT(twice.err, HasSubstr("given twice"));
    EXPECT_EQ(
        run_temper({words.front(), digits("digits.onnx"), digits("digits.npz"), "x"}).exit_code, 2);
  }
}

TEST(CommandLine, AKeyThatIsNoParameterOfALossIsNamedWithItsTable) {
  const CommandResult result =
      run_temper({"eval", digits("digits.onnx"), digits("digits.npz"), "batch_size=3"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("did you mean data.batch_size?"));
}

// Whatever a command answers with --json is one JSON value.
TEST(CommandLine, AnswersAreJsonWhenAskedFor) {
  const ScratchFolder scratch;
  CommandOptions options;
  options.folder = scratch.path();
  ASSERT_EQ(run_temper({"train", digits("digits.toml"), "train.steps=5", "train.out=run"}, options)
                .exit_code,
            0);
  const std::vector<std::vector<std::string>> lines = {
      {"export", "run", "out.onnx"},
      {"plot", "run"},
      {"plot", "losses", "mse"},
      {"plot", "schedule", "schedule.name=cosine", "--steps", "10"},
      {"data", "show", digits("digits.toml")},
      {"data", "check", digits("digits.toml")},
      {"train", digits("digits.toml"), "--print-config"},
      {"train", digits("digits.toml"), "--dry-run", "--quiet"},
      {"eval", "run"},
      {"doctor"}};
  for (std::vector<std::string> line : lines) {
    line.push_back("--json");
    const CommandResult result = run_temper(line, options);
    EXPECT_EQ(result.exit_code, 0) << line.front() << ": " << result.err;
    EXPECT_NO_THROW(training::parse_json(result.out, "stdout")) << line.front() << result.out;
  }
}

TEST(CommandLine, ErrorsAreJsonWhenAskedFor) {
  const CommandResult result =
      run_temper({"eval", digits("digits.onnx"), "--data", "/does/not/exist.npz", "--json"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_EQ(result.out, "");
  const training::JsonValue line = training::parse_json(result.err, "stderr");
  EXPECT_EQ(line.at("error").at("exit").as_int("exit"), 4);
  EXPECT_THAT(line.at("error").at("message").as_string("message"),
              HasSubstr("/does/not/exist.npz"));
}

TEST(CommandLine, AModelThatIsNoOnnxFileExitsWith3) {
  const ScratchFolder scratch;
  const std::string path = scratch / "broken.onnx";
  std::ofstream(path) << "this is no protocol buffer, whatever its name says";
  const CommandResult result = run_temper({"inspect", path});
  EXPECT_EQ(result.exit_code, 3) << result.err;
}

TEST(GradCommand, WritesTheLossAndAGradientOfEachTrainableTensor) {
  const ScratchFolder scratch;
  const std::string path = scratch / "g.npz";
  const CommandResult result =
      run_temper({"grad", digits("digits.onnx"), "--data", digits("digits.npz"), "--loss",
                  "cross_entropy", "--inputs", "--out", path, "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::NpzFile file(path);
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_EQ(file.read("loss").values<double>().front(), line.at("loss").as_double("loss"));
  EXPECT_EQ(file.names().size(), 10u);  // loss, eight parameters, one input
  EXPECT_EQ(file.read("10.weight").shape(), (Shape{10, 64}));
  EXPECT_EQ(file.read("input:input").shape(), (Shape{1797, 1, 8, 8}));
  // Softmax minus one-hot sums to zero over the classes, and the last bias sums it over the
  // samples.
  double sum = 0;
  double largest = 0;
  for (const double value : file.read("10.bias").values<double>()) {
    sum += value;
    largest = std::max(largest, std::abs(value));
  }
  EXPECT_GT(largest, 1e-3);
  EXPECT_LT(std::abs(sum), 1e-4 * largest);
}

TEST(GradCommand, TakesPatternsAndLossParameters) {
  const CommandResult some =
      run_temper({"grad", digits("digits.onnx"), "--data", digits("digits.npz"), "--loss",
                  "cross_entropy", "--wrt", "3.*", "--json"});
  ASSERT_EQ(some.exit_code, 0) << some.err;
  const training::JsonValue plain = training::parse_json(some.out, "stdout");
  EXPECT_EQ(plain.at("gradient_norms").as_object("norms").size(), 2u);
  const CommandResult smooth =
      run_temper({"grad", digits("digits.onnx"), "--data", digits("digits.npz"), "--loss",
                  "cross_entropy", "label_smoothing=0.1", "--json"});
  ASSERT_EQ(smooth.exit_code, 0) << smooth.err;
  // PyTorch 2.15: F.cross_entropy(logits, target, label_smoothing=0.1) on the same file.
  EXPECT_NEAR(training::parse_json(smooth.out, "stdout").at("loss").as_double("loss"), 7.8841114,
              1e-5);
  EXPECT_EQ(run_temper({"grad", digits("digits.onnx"), "--data", digits("digits.npz"), "--loss",
                        "cross_entropy", "--wrt", "nothing.*"})
                .exit_code,
            2);
}

TEST(PredictCommand, WritesEveryOutputForAllRowsWhateverTheBatch) {
  const ScratchFolder scratch;
  ASSERT_EQ(run_temper({"predict", digits("digits.onnx"), "--data", digits("digits.npz"), "--out",
                        scratch / "a.npz", "--batch-size", "100"})
                .exit_code,
            0);
  ASSERT_EQ(run_temper({"predict", digits("digits.onnx"), "--data", digits("digits.npz"), "--out",
                        scratch / "b.npz", "--batch-size", "1797"})
                .exit_code,
            0);
  const auto some = training::NpzFile(scratch / "a.npz").read("output").values<double>();
  const auto whole = training::NpzFile(scratch / "b.npz").read("output").values<double>();
  ASSERT_EQ(some.size(), 17970u);
  ASSERT_EQ(whole.size(), some.size());
  double difference = 0;
  double largest = 0;
  for (std::size_t i = 0; i < some.size(); ++i) {
    difference = std::max(difference, std::abs(some[i] - whole[i]));
    largest = std::max(largest, std::abs(whole[i]));
  }
  EXPECT_GT(largest, 1);
  EXPECT_LT(difference, 1e-5 * largest);
}

TEST(InspectCommand, ListsTensorsWithTheirReasonAndTheKernels) {
  const CommandResult result = run_temper({"inspect", digits("digits.onnx"), "--kernels"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("ai.onnx 20"));
  EXPECT_THAT(result.out,
              testing::ContainsRegex("10\\.weight +FLOAT +\\[10,64\\] +yes +weight of Gemm"));
  EXPECT_THAT(result.out, HasSubstr("parameters 38282, of these trainable 38282"));
  EXPECT_THAT(result.out, HasSubstr("ConvGradWeights"));
}

TEST(PlotCommand, DrawsTheChartsOfARunAgainAndRefusesOtherFolders) {
  const ScratchFolder scratch;
  std::ofstream(scratch / "metrics.jsonl")
      << "{\"step\": 1, \"epoch\": 0, \"train/loss\": 2.5}\n{\"step\": 2, \"epoch\": 1, "
         "\"train/loss\": 1.5}\n";
  const CommandResult result = run_temper({"plot", scratch.path()});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(file_text(scratch / "charts/loss.png"), testing::StartsWith("\x89PNG"));
  EXPECT_FALSE(std::filesystem::exists(scratch / "charts/accuracy.png"));  // none was logged
  EXPECT_EQ(run_temper({"plot", "/"}).exit_code, 2);
}

TEST(DoctorCommand, NamesVersionsDevicesAndThreads) {
  const CommandResult result = run_temper({"doctor", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const training::JsonValue line = training::parse_json(result.out, "stdout");
  EXPECT_THAT(line.at("device cpu").as_string("cpu"), HasSubstr("onednn"));
  EXPECT_THAT(line.at("protobuf").as_string("protobuf"), HasSubstr("3."));
  EXPECT_GE(std::stoi(line.at("threads").as_string("threads")), 1);
  EXPECT_THAT(line.at("other programs").as_string("load"),
              testing::MatchesRegex("use [0-9.]+ of [0-9]+ processors.*"));
}

}  // namespace
}  // namespace temper::test
