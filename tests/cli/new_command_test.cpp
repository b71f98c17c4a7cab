// `temper new` and `temper generate` from outside: what they write and print, and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

TEST(NewCommand, WritesAModelThatTrainReads) {
  const ScratchFolder scratch;
  const std::string model = scratch / "net.onnx";
  const CommandResult made =
      run_temper({"new", "convnet", model, "--channels", "1", "--image-size=8", "--widths", "4,8",
                  "--classes", "10", "--seed", "3"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("convnet, 438 parameters, opset 20"));
  EXPECT_THAT(made.out, HasSubstr("input  f32[batch,1,8,8]"));
  EXPECT_THAT(made.out, HasSubstr("logits  f32[batch,10]"));
  const CommandResult trained = run_temper({"train", digits("digits.toml"), "model.path=" + model,
                                            "train.epochs=1", "train.out=" + (scratch / "run")});
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_TRUE(fs::exists(scratch / "run/last.onnx"));
}

TEST(NewCommand, SaysTheSameInJson) {
  const ScratchFolder scratch;
  const CommandResult made = run_temper({"new", "gpt", scratch / "g.onnx", "--layers", "1",
                                         "--width", "12", "--untied", "--opset", "23", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  const training::JsonValue json = training::parse_json(made.out, "new");
  EXPECT_EQ(json.at("architecture").as_string("architecture"), "gpt");
  EXPECT_EQ(json.at("opset").as_int("opset"), 23);
  // Two tables of tokens, one of positions, a block of 12 width^2 + 13 width, a norm.
  EXPECT_EQ(json.at("parameters").as_int("parameters"), 3 * 256 * 12 + 12 * 144 + 13 * 12 + 2 * 12);
  EXPECT_EQ(json.at("inputs").at("tokens").as_string("type"), "i64[batch,sequence]");
}

TEST(NewCommand, HelpListsArchitecturesAndTheOptionsOfOne) {
  const CommandResult all = run_temper({"new", "--help"});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_THAT(all.out, HasSubstr("resnet50"));
  EXPECT_THAT(all.out, HasSubstr("dcgan_generator"));
  EXPECT_THAT(all.out, Not(HasSubstr("--kv-heads")));
  const CommandResult one = run_temper({"new", "llama", "--help"});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_THAT(one.out, HasSubstr("--kv-heads N"));
  EXPECT_THAT(one.out, HasSubstr("6 when left out"));
  EXPECT_THAT(one.out, Not(HasSubstr("--image-size")));
}

void expect_refusal(const std::vector<std::string>& words, const std::string& text) {
  const CommandResult result = run_temper(words);
  EXPECT_EQ(result.exit_code, 2) << result.out;
  EXPECT_THAT(result.err, HasSubstr(text));
}

TEST(NewCommand, RefusesWhatItDoesNotKnow) {
  const ScratchFolder scratch;
  const std::string out = scratch / "x.onnx";
  expect_refusal({"new", "resnet19", out}, "there is no architecture 'resnet19'");
  expect_refusal({"new", "resnet18", out, "--clases", "3"}, "did you mean --classes?");
  expect_refusal({"new", "resnet18", out, "--classes", "0"}, "--classes takes a whole number");
  expect_refusal({"new", "mlp", out, "--hidden", "3,x"}, "--hidden takes whole numbers");
  expect_refusal({"new", "gpt", out, "--dropout", "much"}, "--dropout takes a number");
  expect_refusal({"new", "gpt", out, "--heads", "5"}, "no multiple of heads 5");
  expect_refusal({"new", "gpt"}, "needs OUT.onnx");
  EXPECT_FALSE(fs::exists(out));
}

// A GPT of bytes that nothing was learned by: what it says is noise, but the same noise.
TEST(GenerateCommand, ContinuesAPromptByItsSeed) {
  const ScratchFolder scratch;
  const std::string model = scratch / "g.onnx";
  ASSERT_EQ(run_temper({"new", "gpt", model, "--layers", "1", "--heads", "2", "--width", "8",
                        "--context", "24"})
                .exit_code,
            0);
  const auto tokens = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"generate", model, "--json"});
    const CommandResult result = run_temper(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  // 40 tokens and more: further than the model sees at once.
  const std::string first = tokens({"--prompt", "abc", "--length", "40", "--seed", "1"});
  EXPECT_EQ(tokens({"--prompt", "abc", "--length", "40", "--seed", "1"}), first);
  EXPECT_EQ(tokens({"--tokens", "97,98,99", "--length", "40", "--seed", "1"}), first);
  EXPECT_NE(tokens({"--prompt", "abc", "--length", "40", "--seed", "2"}), first);
  EXPECT_EQ(tokens({"--prompt", "abc", "--length", "9", "--greedy", "--seed", "1"}),
            tokens({"--prompt", "abc", "--length", "9", "--top-k", "1", "--seed", "2"}));
  EXPECT_EQ(training::parse_json(first, "tokens").at("tokens").as_array("tokens").size(), 40u);
  const CommandResult text =
      run_temper({"generate", model, "--tokens", "97,98,99", "--length", "3"});
  EXPECT_EQ(std::count(text.out.begin(), text.out.end(), '\n'), 3) << "a number a line";
}

// BERT's scores depend on the tokens behind, too: nothing may be filled in there.
TEST(GenerateCommand, RunsAModelThatSeesBothSidesOverTheTextAlone) {
  const ScratchFolder scratch;
  const std::string model = scratch / "b.onnx";
  ASSERT_EQ(run_temper({"new", "bert", model, "--head", "masked-lm", "--token-types", "0",
                        "--vocabulary", "50", "--layers", "1", "--heads", "2", "--width", "16",
                        "--mlp", "16", "--context", "24"})
                .exit_code,
            0);
  const auto tokens = [&](const std::string& context) {
    const CommandResult result = run_temper({"generate", model, "--tokens", "1,2,3", "--length",
                                             "30", "--greedy", "--context", context, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result.out;
  };
  EXPECT_EQ(
      run_temper({"generate", model, "--tokens", "1,2,3", "--length", "30", "--greedy", "--json"})
          .out,
      tokens("24"))
      << "as many as its table of positions has";
  const CommandResult more = run_temper(
      {"generate", model, "--tokens", "1,2,3", "--length", "30", "--greedy", "--context", "25"});
  EXPECT_EQ(more.exit_code, 3) << more.out;
  EXPECT_THAT(more.err, HasSubstr("over 25 tokens; it may take fewer (--context)"));
}

TEST(GenerateCommand, RefusesWhatCannotBeContinued) {
  const ScratchFolder scratch;
  const std::string model = scratch / "g.onnx", other = scratch / "m.onnx";
  ASSERT_EQ(run_temper({"new", "gpt", model, "--layers", "1", "--heads", "2", "--width", "8",
                        "--vocabulary", "50"})
                .exit_code,
            0);
  ASSERT_EQ(run_temper({"new", "mlp", other}).exit_code, 0);
  expect_refusal({"generate", model}, "needs a text to continue");
  expect_refusal({"generate", model, "--prompt", "a"}, "nothing says which text each is");
  expect_refusal({"generate", model, "--tokens", "50"}, "token 50 is none of the model's 50");
  expect_refusal({"generate", model, "--tokens", "1;2"}, "--tokens takes numbers");
  expect_refusal({"generate", model, "--tokens", "1", "--top-p", "2"}, "top-p is 2");
  expect_refusal({"generate", model, "--tokens", "1", "--greedy", "--top-k", "3"}, "--greedy");
  const CommandResult no_text = run_temper({"generate", other, "--tokens", "1"});
  EXPECT_EQ(no_text.exit_code, 8) << no_text.err;
  EXPECT_THAT(no_text.err, HasSubstr("whole numbers"));
}

}  // namespace
}  // namespace temper::test
