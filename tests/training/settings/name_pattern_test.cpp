#include "training/settings/name_pattern.h"

#include <gtest/gtest.h>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

TEST(NamePattern, MatchesWholeNamesPartByPart) {
  EXPECT_TRUE(matches_pattern("fc1.weight", "fc1.weight"));
  EXPECT_FALSE(matches_pattern("fc1", "fc1.weight"));
  EXPECT_TRUE(matches_pattern("fc*.weight", "fc12.weight"));
  EXPECT_FALSE(matches_pattern("*", "fc1.weight")) << "* stays within a part";
  EXPECT_TRUE(matches_pattern("a/b", "a.b")) << "the separators are one";
  EXPECT_TRUE(matches_pattern("a::b", "a/b"));
}

TEST(NamePattern, TwoStarsSpanAnyNumberOfParts) {
  EXPECT_TRUE(matches_pattern("**", "a.b.c"));
  EXPECT_TRUE(matches_pattern("**.bias", "bias")) << "also none";
  EXPECT_TRUE(matches_pattern("**.bias", "a.b.bias"));
  EXPECT_TRUE(matches_pattern("layer1/**", "layer1.0.weight"));
  EXPECT_FALSE(matches_pattern("layer1/**", "layer10.0.weight"));
  EXPECT_TRUE(matches_pattern("a.**.c", "a.c"));
  EXPECT_FALSE(matches_pattern("a.**.c", "a.b"));
}

TEST(NamePattern, AnExclamationMarkExcludesWhatEarlierPatternsChose) {
  const std::vector<std::string> names = {"a.weight", "a.bias", "b.weight"};
  EXPECT_EQ(match_names({"a.**", "!**.bias"}, names, "model.freeze"),
            (std::vector<bool>{true, false, false}));
  EXPECT_TRUE(is_chosen({"a.**", "!**.bias"}, "a.weight"));
  EXPECT_FALSE(is_chosen({"a.**", "!**.bias"}, "a.bias"));
  EXPECT_FALSE(is_chosen({"a.**", "!**.bias"}, "b.weight"));
  EXPECT_FALSE(is_chosen({}, "a.weight"));
}

TEST(NamePattern, OneThatMatchesNothingIsAnErrorThatNamesTheNearest) {
  try {
    match_names({"fc1.wieght"}, {"fc1.weight", "fc1.bias"}, "model.freeze");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(
        error.message(),
        "model.freeze: the pattern \"fc1.wieght\" matches no name; did you mean \"fc1.weight\"?");
  }
}

}  // namespace
}  // namespace temper::training
