#include "graph/passes/fuse_attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "graph/ir/verify.h"
#include "graph/passes/cleanup.h"
#include "tests/graph/small_graph.h"

namespace temper::test {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

// Attention over [1, 2, 3, 2] as exporters write it.
struct Written {
  SmallGraph g;
  ValueId q = g.input("q", {1, 2, 3, 2}), k = g.input("k", {1, 2, 3, 2}),
          v = g.input("v", {1, 2, 3, 2});

  ValueId turned(ValueId a) { return g.b.transpose(a, {0, 1, 3, 2}); }
  ValueId product(ValueId a, ValueId b) { return g.b.op("MatMul", {a, b}); }
  ValueId shares(ValueId scores) {
    return g.b.op("Softmax", {scores}, {{"axis", std::int64_t{3}}});
  }
  ValueId causal_mask() { return g.constant({3, 3}, {0, -kInf, -kInf, 0, 0, -kInf, 0, 0, 0}); }
  Doubles run() {
    std::vector<std::pair<ValueId, Doubles>> given;
    double at = 0.3;
    for (const ValueId input : {q, k, v}) {
      given.push_back({input, {}});
      for (int i = 0; i < 12; ++i) {
        given.back().second.push_back(std::sin(at += 0.7));
      }
    }
    return g.run(given, g.graph.outputs[0].value);
  }
  // The one FusedAttention there is after the pass, with equal results.
  const Attrs& fused(ValueId y) {
    g.output("y", y);
    const Doubles before = run();
    graph::fuse_attention(g.graph, reference());
    graph::remove_dead_nodes(g.graph);
    verify(g.graph, "fuse_attention");
    EXPECT_EQ(g.count("Softmax"), 0u);
    EXPECT_EQ(g.count("MatMul"), 0u);
    const Doubles after = run();
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_NEAR(after.at(i), before[i], 1e-6);
    }
    return g.graph.node(g.nodes("FusedAttention").at(0)).attrs;
  }
  std::size_t count_after(ValueId y) {
    g.output("y", y);
    graph::fuse_attention(g.graph, reference());
    return g.count("FusedAttention");
  }
};

TEST(FuseAttention, TakesFactorsOfBothOperandsAsTheScale) {
  Written w;
  const ValueId scores = w.product(w.g.b.scale(w.q, 0.5), w.g.b.scale(w.turned(w.k), 0.4));
  const Attrs& attrs = w.fused(w.product(w.shares(scores), w.v));
  EXPECT_NEAR(attrs.get_double("scale", 0), 0.2, 1e-7);
  EXPECT_EQ(attrs.get_int("k_transposed", 1), 0);
  EXPECT_EQ(w.g.count("Transpose"), 0u);
}

TEST(FuseAttention, SeesThroughReshapesAroundTheTurnedKeys) {
  Written w;
  const ValueId joined = w.g.b.transpose(w.g.b.reshape(w.k, {2, 3, 2}), {0, 2, 1});
  const ValueId keys = w.g.b.reshape(joined, {1, 2, 2, 3});
  const Attrs& attrs = w.fused(w.product(w.shares(w.product(w.q, keys)), w.v));
  EXPECT_EQ(attrs.get_int("k_transposed", 1), 0);
}

TEST(FuseAttention, KeepsKeysThatComeTurned) {
  Written w;
  const ValueId keys = w.g.b.transpose(w.k, {0, 1, 3, 2});
  const ValueId other = w.g.b.op("Relu", {keys});
  const ValueId scores = w.g.b.div(w.product(w.q, other), w.g.b.scalar(DType::kFloat32, 2));
  const Attrs& attrs = w.fused(w.product(w.shares(scores), w.v));
  EXPECT_EQ(attrs.get_int("k_transposed", 0), 1);
  EXPECT_NEAR(attrs.get_double("scale", 0), 0.5, 1e-7);
}

TEST(FuseAttention, TellsACausalMaskByItsValues) {
  Written w;
  const ValueId scores = w.g.b.scale(w.product(w.q, w.turned(w.k)), 0.7);
  const Attrs& attrs = w.fused(w.product(w.shares(w.g.b.add(scores, w.causal_mask())), w.v));
  EXPECT_EQ(attrs.get_int("causal", 0), 1);
  EXPECT_EQ(w.g.graph.node(w.g.nodes("FusedAttention").at(0)).inputs.size(), 3u);
}

TEST(FuseAttention, KeepsAnotherMask) {
  Written w;
  const ValueId mask = w.g.constant({1, 3}, {0, -2, 0.5});
  const ValueId scores = w.g.b.add(mask, w.product(w.q, w.turned(w.k)));
  const Attrs& attrs = w.fused(w.product(w.shares(scores), w.v));
  EXPECT_EQ(attrs.get_int("causal", 1), 0);
}

TEST(FuseAttention, NotWhereTheBiasIsTrained) {
  Written w;
  const ValueId scores = w.g.b.add(w.product(w.q, w.turned(w.k)), w.g.weight("bias", {3, 3}));
  EXPECT_EQ(w.count_after(w.product(w.shares(scores), w.v)), 0u);
}

TEST(FuseAttention, NotWhereAFactorFollowsTheBias) {
  Written w;
  const ValueId biased = w.g.b.add(w.product(w.q, w.turned(w.k)), w.causal_mask());
  EXPECT_EQ(w.count_after(w.product(w.shares(w.g.b.scale(biased, 2)), w.v)), 0u);
}

TEST(FuseAttention, NotWhereTheSharesAreReadByOthers) {
  Written w;
  const ValueId shares = w.shares(w.product(w.q, w.turned(w.k)));
  w.g.output("shares", shares);
  EXPECT_EQ(w.count_after(w.product(shares, w.v)), 0u);
}

}  // namespace
}  // namespace temper::test
