// EngineOptions::memory_limit on whole models: the run takes no more, its steps give what they give
// without it, and a limit that nothing reaches is an error.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/models/planned_model.h"
#include "training/compile/step/parameter_groups.h"

namespace temper {
namespace {

using training::GraphKind;
using Int = std::int64_t;

Tensor made_input(const PlanPort& input, int step) {
  const Int count = input.shape.element_count();
  std::vector<double> values;
  for (Int i = 0; i < count; ++i) {
    const Int mixed = (i * 2654435761 + step * 40503) % 1000;
    values.push_back(is_float(input.dtype) ? static_cast<double>(mixed) / 500 - 1
                                           : static_cast<double>(mixed % 2));
  }
  return Tensor::from<double>(input.dtype, input.shape, values);
}

struct Steps {
  training::MemoryPlan memory;
  graph::RecomputationReport twice;
  std::map<std::string, std::vector<double>> variables;
};

Steps steps_of(PlannedModel model, Int limit) {
  model.memory_limit = limit;
  CompiledModel compiled(model, "cpu", 2);
  const training::GraphRequest request = CompiledModel::request(GraphKind::kTrain);
  compiled.engine().prepare({request});
  const training::HeldExecutor executor = compiled.engine().executor(request);
  VariableStore& store = compiled.engine().store();
  training::RateTable(store, compiled.engine().settings()).fill_constant();
  for (int step = 0; step < 2; ++step) {
    const std::vector<PlanPort>& inputs = executor->plan().inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      executor->bind_input(static_cast<int>(i), made_input(inputs[i], step));
    }
    executor->run();
  }
  Steps made{compiled.engine().memory(), compiled.engine().recomputed(request), {}};
  for (int i = 0; i < store.count(); ++i) {
    if (store.variable(i).identity.scalar != ScalarRole::kRates) {
      made.variables[store.variable(i).name] = store.get(i).values<double>();
    }
  }
  return made;
}

class MemoryLimit : public testing::TestWithParam<PlannedModel> {};

TEST_P(MemoryLimit, TakesNoMoreAndGivesTheSame) {
  const Steps free = steps_of(GetParam(), 0);
  EXPECT_EQ(free.twice.nodes, 0);
  // A quarter of the activations less.
  const Int limit = free.memory.total() - free.memory.arena / 4;
  const Steps limited = steps_of(GetParam(), limit);
  EXPECT_LE(limited.memory.total(), limit);
  EXPECT_EQ(limited.memory.variables, free.memory.variables);
  EXPECT_GT(limited.twice.nodes, 0);
  EXPECT_LT(limited.twice.work, 0.34);  // the forward part is a third of a step's products
  ASSERT_EQ(limited.variables.size(), free.variables.size());
  for (const auto& [name, values] : free.variables) {
    EXPECT_EQ(limited.variables.at(name), values) << name;
  }
}

TEST_P(MemoryLimit, IsAnErrorWhereNothingFits) {
  try {
    steps_of(GetParam(), 1000);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(std::string(error.what())
                  .find("train.memory_limit allows 1000; write train.memory_limit = "),
              std::string::npos)
        << error.what();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, MemoryLimit,
    testing::Values(
        PlannedModel{.name = "gpt",
                     .options = {{"vocabulary", Int{128}},
                                 {"layers", Int{4}},
                                 {"width", Int{64}},
                                 {"heads", Int{4}}},
                     .sequence_of_classes = true},
        PlannedModel{.name = "vit", .options = {{"image-size", Int{64}}}},
        PlannedModel{.name = "unet", .options = {{"width", Int{8}}}, .loss = "bce_with_logits"},
        PlannedModel{.name = "resnet18", .options = {{"image-size", Int{64}}, {"width", Int{16}}}},
        PlannedModel{.name = "resnet50", .options = {{"image-size", Int{64}}, {"width", Int{8}}}},
        PlannedModel{.name = "mobilenet_v2", .options = {{"image-size", Int{64}}}},
        PlannedModel{.name = "tcn", .loss = "mse"},
        PlannedModel{.name = "autoencoder", .loss = "mse"}),
    [](const testing::TestParamInfo<PlannedModel>& tested) { return test_name(tested.param); });

}  // namespace
}  // namespace temper
