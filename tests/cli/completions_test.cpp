// What shells offer while a line of `temper` is typed, manual pages, and what a build says of
// itself.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cstdio>
#include <memory>

#include "tests/cli/run_command.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

std::string offered(std::vector<std::string> words) {
  words.insert(words.begin(), {"help", "complete"});
  const CommandResult result = run_temper(words);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return result.out;
}

bool has_line(const std::string& text, const std::string& begin) {
  return ("\n" + text).find("\n" + begin) != std::string::npos;
}

TEST(Completions, OfferCommandsOptionsAndKeys) {
  EXPECT_TRUE(has_line(offered({"tr"}), "train\t"));
  EXPECT_FALSE(has_line(offered({"tr"}), "eval"));
  EXPECT_TRUE(has_line(offered({"train", "--res"}), "--resume\t"));
  EXPECT_EQ(offered({"train", "optimizer.n"}).substr(0, 15), "optimizer.name=");
  EXPECT_TRUE(
      has_line(offered({"train", "r.toml", "optimizer.name=adam"}), "optimizer.name=adamw\t"));
  EXPECT_TRUE(has_line(offered({"grad", "m.onnx", "--loss", "cross"}), "cross_entropy\t"));
  EXPECT_TRUE(has_line(offered({"train", ""}), ":files"));
  EXPECT_TRUE(has_line(offered({"train", "data.train="}), ":files"));
  EXPECT_TRUE(has_line(offered({"help", "losses", "foc"}), "focal\t"));
  EXPECT_TRUE(has_line(offered({"help", "man", "ev"}), "eval\t"));
  EXPECT_EQ(offered({"nonsense", "--x"}), "");
}

TEST(Completions, OfferTheTensorsOfTheModelOnTheLine) {
  const std::string model = digits("digits.onnx");
  const std::string tensors = offered({"grad", model, "--wrt", ""});
  EXPECT_FALSE(tensors.empty());
  const std::string name = tensors.substr(0, tensors.find('\t'));
  const std::string frozen = offered({"train", model, "data.npz", "model.freeze=" + name});
  EXPECT_TRUE(has_line(frozen, "model.freeze=" + name + "\t"));
  EXPECT_EQ(offered({"grad", "none.onnx", "--wrt", ""}), "");
}

// As bash calls it: words are cut at '=' there.
TEST(Completions, WorkInBash) {
  const std::string command = std::string(TEMPER_BUILD_DIR) + "/temper";
  const auto replies = [&](const std::string& rest) {
    const std::string line = command + " " + rest;
    const std::string script = "bash -c 'source <(" + command +
                               " help completions bash); COMP_LINE=\"" + line +
                               "\" COMP_POINT=" + std::to_string(line.size()) +
                               "; _temper; printf \"%s\\n\" \"${COMPREPLY[@]}\"' 2>/dev/null";
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(script.c_str(), "r"), pclose);
    std::string text;
    char piece[4096];
    while (std::fgets(piece, sizeof piece, pipe.get()) != nullptr) {
      text += piece;
    }
    return text;
  };
  EXPECT_EQ(replies("tra"), "train\n");
  EXPECT_EQ(replies("train --dry"), "--dry-run\n");
  EXPECT_EQ(replies("train optimizer.name=adamw"), "adamw\n");
  EXPECT_EQ(replies("help completions "), "bash\nzsh\nfish\n");
}

TEST(ManPages, SayWhatEachCommandTakes) {
  const std::string all = run_temper({"help", "man"}).out;
  EXPECT_EQ(all.substr(0, 4), ".TH ");
  EXPECT_NE(all.find("temper\\-convert"), std::string::npos);
  EXPECT_NE(all.find(".B 75\n"), std::string::npos);
  const std::string train = run_temper({"help", "man", "train"}).out;
  EXPECT_NE(train.find(".B \\-\\-dry\\-run\n"), std::string::npos);
  const CommandResult none = run_temper({"help", "man", "trian"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.err.find("did you mean train"), std::string::npos);
  EXPECT_EQ(run_temper({"help", "completions", "csh"}).exit_code, 2);
}

TEST(Version, SaysAsJsonWhatTheBuildIs) {
  const CommandResult result = run_temper({"--version", "--json"});
  ASSERT_EQ(result.exit_code, 0);
  const training::JsonValue facts = training::parse_json(result.out, "facts");
  EXPECT_EQ("temper " + facts.at("version").as_string("version") + "\n",
            run_temper({"--version"}).out);
  EXPECT_EQ(facts.at("oldest_opset").as_int("oldest_opset"), 7);
  EXPECT_EQ(facts.at("newest_opset").as_int("newest_opset"), 28);
  const std::string kernels = facts.at("kernels").as_string("kernels");
  const std::string onednn = facts.at("onednn").as_string("onednn");
  EXPECT_EQ(kernels.starts_with("onednn " + onednn + " "), onednn != "none") << kernels;
  EXPECT_EQ(kernels.starts_with("own "), onednn == "none") << kernels;
  EXPECT_EQ(facts.at("linking").as_string("linking"), "dynamic");
  EXPECT_EQ(facts.at("charts").as_string("charts"), "cairo");
}

}  // namespace
}  // namespace temper::test
