// What one step does to groups of parameters: their own rates and decay, other optimizers,
// freezing.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/training/compile/training_step.h"

namespace temper::training {
namespace {

TEST_F(TrainingStep, MuonLeavesVectorsAndChosenGroupsToAdamw) {
  Recipe muon = recipe("plain.onnx", {"train.steps=1", "optimizer.name=\"muon\""});
  OptimizerGroupSettings head;
  head.match = "w2";
  head.parameters.set("use_muon", std::int64_t{0});
  muon.groups = {head};
  const Trained trained = train(muon);
  EXPECT_TRUE(trained.variables.contains("w1.momentum_buffer"));
  for (const char* name : {"b1", "w2", "b2"}) {
    EXPECT_TRUE(trained.variables.contains(name + std::string(".exp_avg"))) << name;
    // Adam's first step: adamw_lr in every element.
    EXPECT_NEAR(std::abs(trained.variables.at(name)[0] - initial_values().at(name)[0]), 3e-4, 1e-6)
        << name;
  }
}

TEST_F(TrainingStep, GroupsHaveTheirOwnRateAndDecay) {
  const Values gradient = gradient_of(train(recipe("plain.onnx", {"train.steps=1"})).variables);
  Recipe grouped = recipe("plain.onnx", {"train.steps=1", "optimizer.weight_decay=0.25"});
  OptimizerGroupSettings biases;
  biases.match = "b*";
  biases.parameters.set("weight_decay", 0.0);
  OptimizerGroupSettings second;
  second.match = "w2";
  second.parameters.set("lr", 0.5);
  grouped.groups = {biases, second};
  const Trained trained = train(grouped);
  Values expected;
  for (const auto& [name, before] : initial_values()) {
    const double lr = name == "w2" ? 0.5 : 1.0;
    const double decay = name.starts_with("b") ? 0.0 : 0.25;
    for (std::size_t i = 0; i < before.size(); ++i) {
      expected[name].push_back(before[i] - lr * (gradient.at(name)[i] + decay * before[i]));
    }
  }
  expect_near(trained.variables, expected, 1e-6);
}

// Settings of all groups that match a tensor are merged; for the same setting the later group wins.
TEST_F(TrainingStep, GroupsThatOverlapAreMerged) {
  const Values gradient = gradient_of(train(recipe("plain.onnx", {"train.steps=1"})).variables);
  Recipe grouped = recipe("plain.onnx", {"train.steps=1", "optimizer.weight_decay=0.25"});
  const auto group = [](const char* match, const char* name, double value) {
    OptimizerGroupSettings made;
    made.match = match;
    made.parameters.set(name, value);
    return made;
  };
  grouped.groups = {group("*", "lr", 0.5), group("b*", "weight_decay", 0.0),
                    group("*2", "lr", 0.125)};
  const Trained trained = train(grouped);
  Values expected;
  for (const auto& [name, before] : initial_values()) {
    const double lr = name.ends_with("2") ? 0.125 : 0.5;
    const double decay = name.starts_with("b") ? 0.0 : 0.25;
    for (std::size_t i = 0; i < before.size(); ++i) {
      expected[name].push_back(before[i] - lr * (gradient.at(name)[i] + decay * before[i]));
    }
  }
  expect_near(trained.variables, expected, 1e-6);
}

// A part that a stage freezes keeps its group for the stage that trains it.
TEST_F(TrainingStep, AGroupMayBeFrozenForAStage) {
  Recipe staged = recipe("plain.onnx", {"data.batch_size=36"});
  OptimizerGroupSettings first;
  first.match = "w1";
  first.parameters.set("lr", 0.5);
  staged.groups = {first};
  staged.stages = {{1, {"w1", "b1"}, 1}, {1, {}, 0}};  // the second changes nothing
  const Trained trained = train(staged);
  EXPECT_EQ(trained.variables.at("w1"), initial_values().at("w1"));
  EXPECT_NE(trained.variables.at("w2"), initial_values().at("w2"));
}

}  // namespace
}  // namespace temper::training
