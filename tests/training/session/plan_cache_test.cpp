// train.plan_cache: how many plans a session keeps.
#include <gtest/gtest.h>

#include "tests/training/support/tiny_runs.h"

namespace temper::training {
namespace {

class PlanCache : public TinyRuns {
 protected:
  // Plans after evaluations of twenty batch sizes.
  int plans_with(const char* line) {
    Session session(recipe("run", {line}));
    session.engine().prepare({session.request(GraphKind::kEvaluate, 2)});
    for (std::int64_t rows = 3; rows < 23; ++rows) {
      session.engine().executor(session.request(GraphKind::kEvaluate, rows));
    }
    return session.engine().plan_count();
  }
};

TEST_F(PlanCache, IsAsLargeAsTheRecipeSays) {
  EXPECT_EQ(plans_with("train.plan_cache=8"), 8);
  EXPECT_EQ(plans_with("train.plan_cache=3"), 3);
  EXPECT_EQ(plans_with("train.plan_cache=100"), 21);
  EXPECT_EQ(recipe("run").train.plan_cache, 8);
}

}  // namespace
}  // namespace temper::training
