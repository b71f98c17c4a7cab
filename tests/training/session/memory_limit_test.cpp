// train.memory_limit: the run is the one without it, whatever the limit was before a resume, and
// both models of a GAN count.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include "runtime/base/error.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/session/adversarial_session.h"

namespace temper::training {
namespace {

constexpr std::int64_t kMebi = std::int64_t{1} << 20;

class MemoryLimitRun : public testing::Test {
 protected:
  // The transformer of texts in large batches: 12.2 MiB without a limit, 9.5 at the least.
  Recipe texts(const std::string& out, int limit) const {
    return sample("text/text.toml", out,
                  {"data.batch_size=256", "train.steps=8", "checkpoint.every=2",
                   concat("train.memory_limit=", limit)});
  }
  Recipe sample(const std::string& file, const std::string& out,
                const std::vector<std::string>& lines) const {
    RecipeSources sources;
    sources.file = TEMPER_SOURCE_DIR "/models/" + file;
    sources.overrides = {"train.out=\"" + folder_.path(out) + "\"", "log.tensorboard=false",
                         "log.charts=false", "train.threads=2"};
    sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
    return read_recipe(sources);
  }

  TempFolder folder_;
};

TEST_F(MemoryLimitRun, IsTheRunWithoutItAlsoResumedWithAnotherLimit) {
  const RunRecord plain = run_tiny(texts("plain", 0), false);
  const RunRecord limited = run_tiny(texts("limited", 11), false);
  EXPECT_EQ(plain.losses, limited.losses);
  EXPECT_EQ(plain.variables, limited.variables);
  run_tiny(texts("cut", 11), false, [](const StepView& view) { return view.progress.step == 5; });
  EXPECT_EQ(run_tiny(texts("cut", 0), true).variables, plain.variables);
}

TEST_F(MemoryLimitRun, BoundsWhatThePlansTake) {
  Session session(texts("run", 11));
  session.engine().prepare(session.requests());
  EXPECT_LE(session.engine().memory().total(), 11 * kMebi);
  EXPECT_GT(session.engine().recomputed(session.requests().front()).nodes, 0);
  Session free(texts("other", 0));
  free.engine().prepare(free.requests());
  EXPECT_GT(free.engine().memory().total(), 11 * kMebi);
}

TEST_F(MemoryLimitRun, SaysTheLeastThatWorks) {
  Session session(texts("run", 1));
  try {
    session.engine().prepare(session.requests());
    FAIL() << "no error";
  } catch (const Error& error) {
    const std::string text = error.what();
    const std::string before = "write train.memory_limit = ";
    ASSERT_NE(text.find(before), std::string::npos) << text;
    const int least = std::stoi(text.substr(text.find(before) + before.size()));
    Session fits(texts("fits", least));
    EXPECT_NO_THROW(fits.engine().prepare(fits.requests()));
  }
}

TEST_F(MemoryLimitRun, CountsBothModelsOfAGan) {
  const std::string batch = "data.batch_size=128";
  AdversarialSession free(sample("digits_gan/digits_gan.toml", "free", {batch}));
  const std::int64_t all = free.prepare().total();
  AdversarialSession limited(
      sample("digits_gan/digits_gan.toml", "limited", {batch, "train.memory_limit=5"}));
  EXPECT_GT(all, 5 * kMebi);
  EXPECT_LE(limited.prepare().total(), 5 * kMebi);
  EXPECT_GT(limited.recomputed(AdversarialGraphKind::kGenerator).nodes +
                limited.recomputed(AdversarialGraphKind::kDiscriminator).nodes,
            0);
}

}  // namespace
}  // namespace temper::training
