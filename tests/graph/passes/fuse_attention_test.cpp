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

TEST(FuseAttention, TakesABiasThatIsTrained) {
  Written w;
  const ValueId scores = w.g.b.add(w.product(w.q, w.turned(w.k)), w.g.weight("bias", {3, 3}));
  w.fused(w.product(w.shares(scores), w.v));
  EXPECT_EQ(w.g.graph.node(w.g.nodes("FusedAttention").at(0)).inputs.size(), 4u);
}

TEST(FuseAttention, AddsUpSeveralBiases) {
  Written w;
  const ValueId once =
      w.g.b.add(w.product(w.q, w.turned(w.k)), w.g.constant({2, 1, 3}, {0, 1, 2, 3, 4, 5}));
  const ValueId twice = w.g.b.add(w.g.constant({3, 1}, {0.5, -1, 2}), once);
  w.fused(w.product(w.shares(w.g.b.add(twice, w.causal_mask())), w.v));
  EXPECT_EQ(w.g.graph.node(w.g.nodes("FusedAttention").at(0)).attrs.get_int("causal", 0), 1);
}

// As torch writes attention with a mask: a query that sees no key would be NaN.
TEST(FuseAttention, TakesTheGuardAgainstNaNAsItsOwnZero) {
  Written w;
  const ValueId mask = w.g.constant({3, 3}, {0, 0, 0, -kInf, -kInf, -kInf, 0, -kInf, 0});
  const ValueId shares = w.shares(w.g.b.add(w.product(w.q, w.turned(w.k)), mask));
  const ValueId nan = w.g.b.op("IsNaN", {shares});
  const ValueId safe = w.g.b.op("Where", {nan, w.g.b.scalar(DType::kFloat32, 0), shares});
  const Attrs& attrs = w.fused(w.product(safe, w.v));
  EXPECT_EQ(attrs.get_int("zero_rows", 0), 1);
}

TEST(FuseAttention, NotWithAnotherGuard) {
  Written w;
  const ValueId shares = w.shares(w.product(w.q, w.turned(w.k)));
  const ValueId test = w.g.b.op("IsInf", {shares});
  const ValueId safe = w.g.b.op("Where", {test, w.g.b.scalar(DType::kFloat32, 0), shares});
  EXPECT_EQ(w.count_after(w.product(safe, w.v)), 0u);
}

struct Choice {
  double fill;
  std::vector<double> seen;  // [3, 3]
  std::size_t fused;
};

// Where(seen, scores, fill) hides keys; a number that is not infinite does so as long as each query
// sees one.
TEST(FuseAttention, TakesAChoiceThatHidesKeys) {
  const std::vector<double> lower = {1, 0, 0, 1, 1, 0, 1, 1, 1}, gap = {1, 0, 1, 0, 0, 0, 1, 1, 1};
  for (const Choice& choice :
       {Choice{-kInf, lower, 1}, Choice{-kInf, gap, 1}, Choice{-3.4e38, lower, 1},
        Choice{-3.4e38, gap, 0}, Choice{-1e4, lower, 0}, Choice{0, lower, 0}}) {
    for (const bool reversed : {false, true}) {
      Written w;
      const ValueId scores = w.product(w.q, w.turned(w.k));
      const ValueId fill = w.g.b.scalar(DType::kFloat32, choice.fill);
      const ValueId seen = w.g.constant({3, 3}, choice.seen, DType::kBool);
      const ValueId hidden = reversed ? w.g.b.op("Where", {w.g.b.op("Not", {seen}), fill, scores})
                                      : w.g.b.op("Where", {seen, scores, fill});
      const ValueId y = w.product(w.shares(hidden), w.v);
      if (choice.fused == 0 || choice.seen == gap) {
        EXPECT_EQ(w.count_after(y), choice.fused) << choice.fill;
      } else {
        EXPECT_EQ(w.fused(y).get_int("causal", 0), 1);
      }
    }
  }
}

// A factor for each head that is learned, as the second Swin transformer has.
TEST(FuseAttention, TakesAFactorOfEachHeadToTheQueries) {
  Written w;
  const ValueId factor = w.g.b.op("Exp", {w.g.constant({2, 1, 1}, {0.3, -0.5})});
  const ValueId scores = w.g.b.mul(w.product(w.q, w.turned(w.k)), factor);
  w.fused(w.product(w.shares(w.g.b.add(scores, w.causal_mask())), w.v));
}

// Windows of a picture: 2 pictures of 2 windows, whose masks differ, and a bias for each head.
TEST(FuseAttention, SeesThroughScoresThatArePartedForAMask) {
  Written w;
  SmallGraph& g = w.g;
  const auto input = [&](const char* name) { return g.input(name, {4, 2, 3, 2}); };
  const ValueId q = input("q4"), k = input("k4"), v = input("v4");
  const ValueId biased =
      g.b.add(w.product(q, w.turned(k)), g.constant({1, 2, 3, 1}, {0, 1, 2, 3, 4, 5}));
  Doubles mask(18, 0);
  mask[2] = mask[10] = mask[17] = -100;
  const ValueId parted =
      g.b.add(g.b.reshape(biased, {2, 2, 2, 3, 3}), g.constant({1, 2, 1, 3, 3}, mask));
  const ValueId y = w.product(w.shares(g.b.reshape(parted, {4, 2, 3, 3})), v);
  g.output("y", y);
  std::vector<std::pair<ValueId, Doubles>> given;
  for (const ValueId id : {q, k, v}) {
    given.push_back({id, {}});
    for (int i = 0; i < 48; ++i) {
      given.back().second.push_back(std::sin(0.7 * i + id.index));
    }
  }
  const Doubles before = g.run(given, y);
  graph::fuse_attention(g.graph, reference());
  graph::remove_dead_nodes(g.graph);
  verify(g.graph, "fuse_attention");
  EXPECT_EQ(g.count("FusedAttention"), 1u);
  EXPECT_EQ(g.count("Softmax"), 0u);
  const Doubles after = g.run(given, g.graph.outputs[0].value);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_NEAR(after.at(i), before[i], 1e-6);
  }
}

TEST(FuseAttention, DropsTheSharesThatDropoutWould) {
  Written w;
  const ValueId position = w.g.constant({}, {3}, DType::kInt64);
  const ValueId shares = w.shares(w.product(w.q, w.turned(w.k)));
  const ValueId dropped =
      w.g.b.ops("DropoutTrain", {shares, position}, 2,
                {{"ratio", 0.4}, {"seed", std::int64_t{42}}, {"random_id", std::int64_t{5}}})[0];
  EXPECT_EQ(w.fused(w.product(dropped, w.v)).get_double("ratio", 0), 0.4);
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
