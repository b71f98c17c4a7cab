// Plans are immutable and executors their own: several of one plan, executors that are held while
// others come, the bounded number of plans, and readings some steps late.
#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/pipeline.h"
#include "runtime/exec/step_readings.h"
#include "tests/guarded_backend.h"
#include "training/compile/engine.h"
#include "training/compile/step/parameter_groups.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper::training {
namespace {

constexpr std::int64_t kInputs = 3, kOutputs = 2;

graph::Graph linear_model() {
  graph::Graph graph(graph::standard_ops());
  graph::Variable weight;
  weight.name = "w";
  weight.shape = {kInputs, kOutputs};
  weight.trainable = true;
  weight.initial = Tensor::from<float>(DType::kFloat32, weight.shape,
                                       std::vector<float>{0.5f, -0.25f, 1, 0.75f, -0.5f, 0.25f});
  const graph::VariableId w = graph.add_variable(std::move(weight));
  const graph::ValueId x =
      graph.add_input("x", DType::kFloat32, {graph::Dim{-1, "batch"}, graph::Dim{kInputs, {}}});
  const NodeId product = graph.add_node(graph.registry().get("MatMul"), {x, graph.read_variable(w)},
                                        {"y"}, {}, "MatMul 'y'");
  graph.add_output("y", graph.node(product).outputs[0]);
  return graph;
}

CompileSettings settings_with(std::string_view optimizer) {
  CompileSettings settings;
  const Loss& loss = find_loss("mse");
  settings.losses.emplace_back().loss = {
      loss.name, complete_parameters("loss", loss.name, loss.parameters, {})};
  const Optimizer& found = find_optimizer(optimizer);
  settings.optimizer = {found.name,
                        complete_parameters("optimizer", found.name, found.parameters, {})};
  return settings;
}

GraphRequest request(GraphKind kind, std::int64_t batch) {
  GraphRequest made;
  made.kind = kind;
  made.batch = batch;
  return made;
}

Tensor numbers(std::int64_t rows, std::int64_t columns, double from) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < rows * columns; ++i) {
    values.push_back(from + 0.1 * static_cast<double>(i % 7));
  }
  return Tensor::from<double>(DType::kFloat32, {rows, columns}, values);
}

void bind_rows(Executor& executor, std::int64_t rows, double from) {
  const Plan& plan = executor.plan();
  executor.bind_input(plan.input({PortRole::kModelInput, 0}), numbers(rows, kInputs, from));
  executor.bind_input(plan.input({PortRole::kTarget, 0}), numbers(rows, kOutputs, -from));
}

// A store and an arena of its own for a plan of another's.
class OwnRun {
 public:
  OwnRun(const Plan& plan, const VariableStore& like, const CompileSettings& settings) {
    for (int i = 0; i < like.count(); ++i) {
      store_.add(like.variable(i));
    }
    store_.allocate();
    store_.set(store_.find("w"), numbers(kInputs, kOutputs, 0.3));
    RateTable(store_, settings).fill_constant();
    executor_ = std::make_unique<Executor>(plan, store_, arena_);
  }
  void step(double from) {
    bind_rows(*executor_, 4, from);
    executor_->run();
  }
  std::vector<float> weights() const { return store_.get(store_.find("w")).values<float>(); }

 private:
  VariableStore store_;
  Arena arena_;
  std::unique_ptr<Executor> executor_;
};

class TwoExecutors : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(TwoExecutors, OfOnePlanDoNotDisturbEachOther) {
  const auto [device, optimizer] = GetParam();
  const auto backend = make_backend(device);
  const auto reference = make_backend("reference");
  const CompileSettings settings = settings_with(optimizer);
  graph::Graph graph =
      make_graph(linear_model(), settings, request(GraphKind::kTrain, 4), *reference).graph;
  graph::run_pipeline(graph, *reference, {});
  VariableStore declared;
  const Plan plan = graph::lower(graph, *backend, declared, {});
  const auto alone = [&](double from) {
    OwnRun run(plan, declared, settings);
    for (int i = 0; i < 4; ++i) {
      run.step(from + i);
    }
    return run.weights();
  };
  const std::vector<float> first = alone(1), second = alone(2.5);
  EXPECT_NE(first, second);
  OwnRun a(plan, declared, settings), b(plan, declared, settings);
  for (int i = 0; i < 4; ++i) {
    a.step(1 + i);
    b.step(2.5 + i);
  }
  EXPECT_EQ(a.weights(), first);
  EXPECT_EQ(b.weights(), second);
}

INSTANTIATE_TEST_SUITE_P(Kernels, TwoExecutors,
                         testing::Values(std::pair("reference", "adamw"), std::pair("cpu", "adamw"),
                                         std::pair("cpu", "lamb"), std::pair("cpu", "muon"),
                                         std::pair("cpu", "adafactor")));

class Plans : public testing::Test {
 protected:
  Plans() : Plans(make_backend("cpu")) {}
  explicit Plans(std::unique_ptr<Backend> backend)
      : backend_(std::move(backend)), reference_(make_backend("reference")) {}

  std::unique_ptr<Engine> engine(std::int64_t plan_cache = 8) {
    EngineOptions options;
    options.plan_cache = plan_cache;
    auto made = std::make_unique<Engine>(linear_model(), settings_with("adamw"), *backend_,
                                         *reference_, options);
    made->prepare({request(GraphKind::kTrain, 2)});
    RateTable(made->store(), made->settings()).fill_constant();
    return made;
  }
  static double loss_of(Engine& engine, std::int64_t rows) {
    const HeldExecutor executor = engine.executor(request(GraphKind::kEvaluate, rows));
    bind_rows(*executor, rows, 0.5);
    executor->run();
    return executor->read_number<double>(executor->plan().output(PortRole::kLoss));
  }
  // Weights after four steps, with larger arenas between them or not.
  std::vector<float> weights_after(bool grows) {
    const std::unique_ptr<Engine> owner = engine();
    Engine& made = *owner;
    const HeldExecutor held = made.executor(request(GraphKind::kTrain, 2));
    Executor& executor = *held;
    bind_rows(executor, 2, 1);
    executor.run();
    for (std::int64_t rows = 64; grows && rows <= 4096; rows *= 8) {
      loss_of(made, rows);  // a larger arena each time
      executor.run();
    }
    for (int i = grows ? 3 : 0; i < 3; ++i) {
      executor.run();
    }
    EXPECT_GT(executor.read_number<double>(executor.plan().output(PortRole::kLoss)), 0);
    return made.store().get(made.store().find("w")).values<float>();
  }

  std::unique_ptr<Backend> backend_, reference_;
};

TEST_F(Plans, AnExecutorThatIsHeldMovesToALargerArena) {
  EXPECT_EQ(weights_after(true), weights_after(false));
}

// It refuses addresses of memory that was freed.
class GuardedPlans : public Plans {
 protected:
  GuardedPlans() : Plans(test::make_guarded_backend(make_backend("reference"))) {}
};

TEST_F(GuardedPlans, AnExecutorThatIsHeldMovesToALargerArena) {
  EXPECT_EQ(weights_after(true), weights_after(false));
}

TEST_F(Plans, AreKeptInABoundedNumber) {
  const std::unique_ptr<Engine> few_owner = engine(3), many_owner = engine(100);
  Engine &few = *few_owner, &many = *many_owner;
  for (std::int64_t round = 0; round < 2; ++round) {
    for (std::int64_t rows = 1; rows <= 20; ++rows) {
      EXPECT_EQ(loss_of(few, rows), loss_of(many, rows)) << rows;
      EXPECT_LE(few.plan_count(), 3);
    }
  }
  EXPECT_EQ(many.plan_count(), 21);
}

TEST_F(Plans, OfTheRunAndThoseHeldStay) {
  const std::unique_ptr<Engine> owner = engine(2);
  Engine& made = *owner;
  const Plan* of_the_run = &made.executor(request(GraphKind::kTrain, 2))->plan();
  const HeldExecutor held = made.executor(request(GraphKind::kEvaluate, 5));
  bind_rows(*held, 5, 0.5);
  for (std::int64_t rows = 10; rows < 15; ++rows) {
    loss_of(made, rows);
    EXPECT_LE(made.plan_count(), 3);  // one more than fits: two may not go
  }
  held->run();
  EXPECT_EQ(held->read_number<double>(held->plan().output(PortRole::kLoss)), loss_of(made, 5));
  EXPECT_EQ(&made.executor(request(GraphKind::kTrain, 2))->plan(), of_the_run);
}

TEST_F(Plans, TheLeastRecentlyUsedGoesFirst) {
  const std::unique_ptr<Engine> owner = engine(3);
  Engine& made = *owner;
  loss_of(made, 4);
  const Plan* four = &made.executor(request(GraphKind::kEvaluate, 4))->plan();
  loss_of(made, 5);
  EXPECT_EQ(&made.executor(request(GraphKind::kEvaluate, 4))->plan(), four);
  loss_of(made, 6);  // in the place of 5
  EXPECT_EQ(&made.executor(request(GraphKind::kEvaluate, 4))->plan(), four);
}

// Losses of training steps on the same rows.
std::vector<double> losses_by(const Backend& backend, const Backend& reference, int late) {
  Engine engine(linear_model(), settings_with("adamw"), backend, reference, {});
  engine.prepare({request(GraphKind::kTrain, 4)});
  RateTable(engine.store(), engine.settings()).fill_constant();
  const HeldExecutor executor = engine.executor(request(GraphKind::kTrain, 4));
  const Plan& plan = executor->plan();
  const int loss = plan.output(PortRole::kLoss), ok = plan.output(PortRole::kOk);
  EXPECT_GE(plan.outputs[static_cast<std::size_t>(loss)].reading, 0);
  EXPECT_GE(plan.outputs[static_cast<std::size_t>(ok)].reading, 0);
  StepReadings readings(late);
  std::vector<double> losses;
  const auto take = [&](const StepReading* reading) {
    EXPECT_EQ(reading->number(), static_cast<std::int64_t>(losses.size()));
    EXPECT_TRUE(reading->value<bool>(ok));
    losses.push_back(reading->value<double>(loss));
  };
  bind_rows(*executor, 4, 1);
  for (int step = 0; step < 7; ++step) {
    executor->run();
    readings.push(*executor);
    const StepReading* reading = readings.take();
    EXPECT_EQ(reading == nullptr, step < late) << step;
    if (reading != nullptr) {
      take(reading);
    }
  }
  while (const StepReading* reading = readings.take_now()) {
    take(reading);
  }
  EXPECT_EQ(readings.waiting(), 0);
  return losses;
}

TEST(StepReadingsOfARun, AreThoseOfTheirStepsHoweverLate) {
  const auto reference = make_backend("reference");
  const auto device = test::make_guarded_backend(make_backend("reference"));
  const std::vector<double> expected = losses_by(*reference, *reference, 0);
  ASSERT_EQ(expected.size(), 7U);
  EXPECT_GT(expected.front(), expected.back());
  for (const int late : {0, 1, 3}) {
    EXPECT_EQ(losses_by(*reference, *reference, late), expected) << late;
    EXPECT_EQ(losses_by(*device, *reference, late), expected) << late;
  }
}

}  // namespace
}  // namespace temper::training
