// `temper data` from outside: text, files, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <filesystem>
#include <fstream>

#include "tests/cli/run_command.h"
#include "tests/training/support/picture_models.h"
#include "training/formats/json.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(DataCommand, DescribesTheSampleAndDrawsItsClasses) {
  const ScratchFolder scratch;
  const CommandResult result =
      run_temper({"data", "check", digits("digits.toml"), "--chart", scratch / "classes.png"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("train  1438 samples"));
  EXPECT_THAT(result.out, HasSubstr("val    359 samples"));
  EXPECT_TRUE(fs::exists(scratch / "classes.png"));
  const CommandResult json = run_temper({"data", "check", digits("digits.toml"), "--json"});
  const training::JsonValue parsed = training::parse_json(json.out, "stdout");
  EXPECT_EQ(parsed.at("sets").as_array("sets").size(), 2u);
}

TEST(DataCommand, SaysWhatLeaksAndIsStrictWhenAsked) {
  const std::string leak = "data.val=" + digits("digits.npz");
  const CommandResult mild = run_temper({"data", "check", digits("digits.toml"), leak});
  EXPECT_EQ(mild.exit_code, 0) << mild.err;
  EXPECT_THAT(mild.out, HasSubstr("1797 samples of val are in train too"));
  const CommandResult strict =
      run_temper({"data", "check", digits("digits.toml"), leak, "--strict"});
  EXPECT_EQ(strict.exit_code, 3);
  const CommandResult clean = run_temper({"data", "check", digits("digits.toml"), "--strict"});
  EXPECT_EQ(clean.exit_code, 0) << clean.out;
}

TEST(DataCommand, ShowsPicturesAndOtherDataInNumbers) {
  const ScratchFolder scratch;
  const CommandResult shown =
      run_temper({"data", "show", digits("digits.toml"), "--out", scratch / "sheet.png"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(file_text(scratch / "sheet.png"), testing::StartsWith("\x89PNG"));
  const CommandResult table = run_temper({"data", "show", digits("../regression/regression.toml")});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, HasSubstr("array 'input', row 0\n  input  input  f32[10] 0.12573 -0.132"));
  EXPECT_EQ(run_temper({"data", "look", digits("digits.toml")}).exit_code, 2);
}

// Two pictures are damaged, one is there twice: all are named, and the rest is counted.
TEST(DataCommand, NamesEachPictureThatIsBrokenOrThereTwice) {
  const ScratchFolder scratch;
  training::write_picture_classifier(scratch / "m.onnx");
  fs::copy(TEMPER_SOURCE_DIR "/tests/training/fixtures/classes", scratch / "classes",
           fs::copy_options::recursive);
  std::ofstream(scratch / "classes/red/1.png") << "no picture";
  fs::resize_file(scratch / "classes/blue/2.png", 60);
  fs::copy_file(scratch / "classes/red/3.png", scratch / "classes/red/copy.png");
  std::ofstream(scratch / "r.toml") << "[model]\npath = \"m.onnx\"\n[data]\ntrain = \"classes\"\n"
                                       "scale = true\n";
  const CommandResult result = run_temper({"data", "check", scratch / "r.toml"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("classes/red/1.png is neither a JPEG nor a PNG"));
  EXPECT_THAT(result.out, HasSubstr("classes/blue/2.png cannot be read"));
  EXPECT_THAT(result.out, HasSubstr("2 samples of train cannot be read"));
  EXPECT_THAT(result.out, HasSubstr("classes/red/copy.png = "));
  EXPECT_THAT(result.out, HasSubstr("blue                          5"));
  fs::remove(scratch / "classes/red/1.png");
  fs::remove(scratch / "classes/blue/2.png");
  fs::copy_file(TEMPER_SOURCE_DIR "/tests/training/fixtures/oriented/6.jpg",
                scratch / "classes/red/turned.jpg");
  const std::vector<std::string> check = {"data", "check", scratch / "r.toml"};
  EXPECT_THAT(run_temper(check).out, HasSubstr("classes/red/turned.jpg (6); they are read as "));
  EXPECT_THAT(run_temper({"data", "check", scratch / "r.toml", "data.exif_orientation=true"}).out,
              testing::Not(HasSubstr("EXIF")));
  const CommandResult shown =
      run_temper({"data", "show", scratch / "r.toml", "augment.resized_crop=true", "--out",
                  scratch / "sheet.png"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(file_text(scratch / "sheet.png"), testing::StartsWith("\x89PNG"));
}

TEST(DataCommand, ReadsTokensAsTextAndNamesThoseTheModelDoesNotHave) {
  const std::string recipe = digits("../text/text.toml");
  const CommandResult shown = run_temper({"data", "show", recipe, "--count", "1"});
  ASSERT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out,
              HasSubstr("text.bin, tokens 0 to 31\n  input  tokens i64[32] \"Apache Li"));
  EXPECT_THAT(shown.out, HasSubstr("  target target i64[32] \"pache Lic"));
  const CommandResult checked = run_temper({"data", "check", recipe});
  EXPECT_THAT(checked.out, HasSubstr("10390 tokens (u16): windows of 32"));
  EXPECT_THAT(checked.out, HasSubstr("nothing stands out"));
  const CommandResult wide =
      run_temper({"data", "check", recipe, "data.token_dtype=u32", "data.val_split=0"});
  EXPECT_THAT(wide.out, HasSubstr("text.bin, token 0: the value is "));
  EXPECT_THAT(wide.out, HasSubstr("values go from 0 to 75"));
}

}  // namespace
}  // namespace temper::test
