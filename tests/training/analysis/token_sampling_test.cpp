// Drawing a token: what each setting leaves to choose from, and how often each is taken.
#include "training/analysis/token_sampling.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "runtime/base/error.h"
#include "training/analysis/token_names.h"

namespace temper::training {
namespace {

// Scores of the probabilities 0.1, 0.5, 0.1, 0.3.
const std::vector<float> kScores = {std::log(0.1F), std::log(0.5F), std::log(0.1F), std::log(0.3F)};

// How often each token is drawn in 4,000 places.
std::vector<double> shares(const TokenSampling& sampling,
                           const std::vector<float>& scores = kScores) {
  std::vector<double> count(scores.size());
  for (std::int64_t place = 0; place < 4000; ++place) {
    count.at(static_cast<std::size_t>(sample_token(scores, sampling, place))) += 1;
  }
  for (double& of_token : count) {
    of_token /= 4000;
  }
  return count;
}

void expect_shares(const std::vector<double>& actual, const std::vector<double>& expected) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    // Five deviations of a share of 4,000 draws.
    const double deviation = std::sqrt(expected[i] * (1 - expected[i]) / 4000);
    EXPECT_NEAR(actual[i], expected[i], 5 * deviation) << "token " << i;
  }
}

TEST(TokenSampling, DrawsTokensAsOftenAsTheirProbabilitySays) {
  expect_shares(shares({}), {0.1, 0.5, 0.1, 0.3});
  // Squared and normalised.
  expect_shares(shares({.temperature = 0.5}), {0.01 / 0.36, 0.25 / 0.36, 0.01 / 0.36, 0.09 / 0.36});
  expect_shares(shares({.temperature = 0}), {0, 1, 0, 0});
}

TEST(TokenSampling, LeavesTheLikeliestTokens) {
  expect_shares(shares({.top_k = 1}), {0, 1, 0, 0});
  expect_shares(shares({.top_k = 2}), {0, 0.625, 0, 0.375});
  expect_shares(shares({.top_k = 3}), {1.0 / 9, 5.0 / 9, 0, 3.0 / 9});
  expect_shares(shares({.top_k = 9}), {0.1, 0.5, 0.1, 0.3});
  expect_shares(shares({.top_p = 0.3}), {0, 1, 0, 0});
  expect_shares(shares({.top_p = 0.7}), {0, 0.625, 0, 0.375});
  expect_shares(shares({.top_p = 0.85}), {1.0 / 9, 5.0 / 9, 0, 3.0 / 9});
  // top_k first: of the two left 0.625 is more than half.
  expect_shares(shares({.top_k = 2, .top_p = 0.6}), {0, 1, 0, 0});
}

TEST(TokenSampling, DependsOnSeedAndPlaceAlone) {
  const auto text = [](std::uint64_t seed) {
    std::vector<std::int64_t> tokens;
    for (std::int64_t place = 0; place < 50; ++place) {
      tokens.push_back(sample_token(kScores, {.seed = seed}, place));
    }
    return tokens;
  };
  EXPECT_EQ(text(3), text(3));
  EXPECT_NE(text(3), text(4));
}

TEST(TokenSampling, NeverDrawsATokenThatIsForbidden) {
  const float never = -std::numeric_limits<float>::infinity();
  expect_shares(shares({}, {0, never, 0}), {0.5, 0, 0.5});
  EXPECT_THROW(sample_token(std::vector<float>{never, never}, {}, 0), Error);
  EXPECT_THROW(sample_token(std::vector<float>{0, std::nanf("")}, {}, 0), Error);
  EXPECT_THROW(sample_token(std::vector<float>{0, -never}, {}, 0), Error);
}

TEST(TokenSampling, RefusesSettingsThatAreNone) {
  EXPECT_THROW(check_sampling({.temperature = -1}), Error);
  EXPECT_THROW(check_sampling({.top_k = -1}), Error);
  EXPECT_THROW(check_sampling({.top_p = 0}), Error);
  EXPECT_THROW(check_sampling({.top_p = 1.5}), Error);
  check_sampling({.temperature = 0, .top_k = 3, .top_p = 1});
}

TEST(TokenNames, MakeATextOfTheLongestNamesThatFit) {
  const TokenNames names({"a", "b", "ab", "\n", "ba"});
  EXPECT_EQ(names.tokens_of("abab\na"), (std::vector<std::int64_t>{2, 2, 3, 0}));
  EXPECT_EQ(names.text_of(std::vector<std::int64_t>{2, 2, 3, 0}), "abab\na");
  EXPECT_THROW(names.tokens_of("abc"), Error);
}

TEST(TokenNames, AreBytesWhereThereAreNone) {
  const TokenNames bytes({});
  EXPECT_EQ(bytes.tokens_of("a\xff"), (std::vector<std::int64_t>{97, 255}));
  EXPECT_EQ(bytes.text_of(std::vector<std::int64_t>{97, 255}), "a\xff");
}

}  // namespace
}  // namespace temper::training
