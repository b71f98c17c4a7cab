// Which of the samples' plans use threads: a rule of shapes, so it holds whatever the machine does.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include "tests/training/test_files.h"
#include "training/recipe/recipe.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

int plan_threads(const std::string& sample, const std::string& threads) {
  const TempFolder folder;
  RecipeSources sources;
  sources.file = TEMPER_SOURCE_DIR "/models/" + sample;
  sources.overrides = {"train.out=\"" + folder.path("out") + "\"", "train.threads=" + threads};
  Session session(read_recipe(sources));
  const GraphRequest request = session.request(GraphKind::kTrain, session.recipe().data.batch_size);
  session.engine().prepare({request});
  return session.engine().executor(request)->plan().threads;
}

TEST(PlanThreads, OfTheDigitsSampleAreOne) {
  EXPECT_EQ(plan_threads("digits/digits.toml", "2"), 1);
  EXPECT_EQ(plan_threads("regression/regression.toml", "16"), 1);
}

TEST(PlanThreads, OfALargerPlanAreThoseAskedFor) {
  EXPECT_EQ(plan_threads("cifar/cifar.toml", "2"), 2);
  EXPECT_EQ(plan_threads("cifar/cifar.toml", "1"), 1);
}

}  // namespace
}  // namespace temper::training
