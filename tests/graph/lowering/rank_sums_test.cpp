// Sums over ranks in graphs and plans: which gradients share a bucket, when they are summed, and
// where.
#include <gtest/gtest.h>

#include "graph/autodiff/gradient.h"
#include "graph/ir/walk.h"
#include "graph/lowering/lower.h"
#include "graph/passes/reduce_gradients.h"
#include "runtime/backend/thread_ranks.h"
#include "runtime/base/error.h"
#include "runtime/exec/variable_store.h"
#include "tests/graph/small_graph.h"

namespace temper::graph {
namespace {

using test::SmallGraph;
using Ops = std::vector<std::string>;

// y = x w1 w2 w3, with the gradients of all three reduced and applied.
struct Chain {
  explicit Chain(std::int64_t bucket_bytes, int ranks = 2) {
    ValueId y = g.input("x", {2, 4});
    for (const char* name : {"w1", "w2", "w3"}) {
      weights.push_back(g.variable(name, {4, 4}));
      y = g.b.op("MatMul", {y, g.graph.read_variable(weights.back())});
    }
    std::vector<ValueId> wrt;
    for (const VariableId id : weights) {
      wrt.push_back(g.graph.read_variable(id));
    }
    gradients = gradient(g.graph, g.b.reduce_sum(y, {0, 1}, false), wrt);
    const std::vector<ValueId> raw = gradients;
    reduce_gradients(g.b, {ranks, bucket_bytes}, raw, gradients);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      g.graph.add_output(concat("dw", i + 1), gradients[i]);
    }
  }
  // Per sum how many tensors it has.
  std::vector<std::size_t> buckets() const {
    std::vector<std::size_t> sizes;
    for (const NodeId id : topological_order(g.graph)) {
      if (g.graph.node(id).attrs.has("ranks")) {
        sizes.push_back(g.graph.node(id).inputs.size());
      }
    }
    return sizes;
  }

  SmallGraph g;
  std::vector<VariableId> weights;
  std::vector<ValueId> gradients;
};

using Sizes = std::vector<std::size_t>;

TEST(RankSums, FillBucketsInTheOrderInWhichGradientsAreComplete) {
  EXPECT_EQ(Chain(1).buckets(), (Sizes{1, 1, 1}));
  EXPECT_EQ(Chain(100).buckets(), (Sizes{2, 1}));  // 64 bytes each
  EXPECT_EQ(Chain(1000).buckets(), Sizes{3});
  EXPECT_EQ(Chain(1, 1).buckets(), Sizes{});
  const Chain chain(100);
  const Graph& graph = chain.g.graph;
  // The last weight's gradient is the first to be complete.
  const NodeId first = graph.value(chain.gradients[2]).producer;
  EXPECT_EQ(graph.value(chain.gradients[1]).producer, first);
  EXPECT_NE(graph.value(chain.gradients[0]).producer, first);
}

TEST(RankSums, OneValueThatIsTheGradientOfTwoVariablesIsSummedOnce) {
  SmallGraph g;
  const ValueId x = g.b.neg(g.input("x", {3}));
  std::vector<ValueId> gradients = {x, x};
  reduce_gradients(g.b, {2, 1000}, gradients, gradients);
  EXPECT_EQ(gradients[0], gradients[1]);
  EXPECT_EQ(g.graph.node(g.graph.value(gradients[0]).producer).inputs.size(), 1u);
}

TEST(RankSums, AreDoneAsSoonAsTheirGradientsAreThere) {
  ThreadRanks ranks(2);
  ranks.run([](Communicator& rank) {
    const Chain chain(1);
    LowerOptions options;
    options.ranks = &rank;
    VariableStore store;
    const Plan plan = lower(chain.g.graph, test::reference(), store, options);
    Ops ops;
    for (const PlanStep& step : plan.steps) {
      if (step.op == "LinearGradWeights" || step.op == "AllReduce") {
        ops.push_back(step.op);
      }
    }
    EXPECT_EQ(ops, (Ops{"LinearGradWeights", "AllReduce", "LinearGradWeights", "AllReduce",
                        "LinearGradWeights", "AllReduce"}));
  });
}

TEST(RankSums, RefuseAPlanThatSumsOtherThings) {
  ThreadRanks ranks(2);
  try {
    ranks.run([](Communicator& rank) {
      const Chain chain(rank.rank() == 0 ? 1 : 1000);
      LowerOptions options;
      options.ranks = &rank;
      VariableStore store;
      lower(chain.g.graph, test::reference(), store, options);
    });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDistributed);
  }
}

}  // namespace
}  // namespace temper::graph
