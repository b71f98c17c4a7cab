// Fresh models as files: their outputs are onnxruntime's, what trains is what was meant to, and
// they learn.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "models/architecture.h"
#include "runtime/platform/files.h"
#include "tests/models/fresh_cases.h"
#include "tests/models/generated_tensors.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "training/compile/engine.h"
#include "training/compile/step/parameter_groups.h"
#include "training/formats/json.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper {
namespace {

using models::Architecture;
using models::FreshModel;
using training::Engine;
using training::GraphKind;
using training::GraphRequest;
using training::JsonValue;

using Int = std::int64_t;

constexpr std::int64_t kBatch = 4;
constexpr std::int64_t kSequence = 8;

Shape output_shape(const JsonValue& test) {
  Shape shape;
  for (const JsonValue& dim : test.at("output").at("shape").as_array("shape")) {
    shape.push_back(dim.as_int("a dimension"));
  }
  return shape;
}

// Values of which the output says more than of fresh ones, as tools/oracle/fresh_models.py gives
// them.
void give_values(FreshModel& model, const std::string& name) {
  for (int i = 0; i < model.graph.variable_count(); ++i) {
    graph::Variable& variable = model.graph.variable(VariableId{i});
    const Shape& shape = variable.shape;
    const bool around_one =
        variable.name.ends_with("weight") || variable.name.ends_with("running_var");
    const bool matrix = shape.rank() > 1;
    const double row = static_cast<double>(shape.element_count()) / static_cast<double>(shape[0]);
    const std::vector<float> values =
        generate_floats(name + "/" + variable.name, shape.element_count(),
                        !matrix && around_one ? 1 : 0, matrix ? 2 / std::sqrt(row) : 0.5);
    variable.initial = Tensor::from<float>(DType::kFloat32, shape, std::span(values));
  }
}

enum class Values { kFresh, kGiven };

// A case's model as a file, its inputs, and what runs it.
class FreshRun {
 public:
  explicit FreshRun(const JsonValue& test, Values values = Values::kFresh)
      : test_(test),
        name_(test.at("name").as_string("name")),
        backend_(make_backend("cpu")),
        reference_(make_backend("reference")),
        onnx_(load(values)) {}

  const graph::OnnxModel& onnx() const { return onnx_; }

  GraphRequest request(GraphKind kind) const {
    GraphRequest request;
    request.kind = kind;
    request.batch = kBatch;
    request.symbols = {{"sequence", kSequence}};
    return request;
  }

  Executor& prepare(GraphKind kind, double lr = 0.01) {
    training::CompileSettings settings;
    const training::Loss& loss = training::find_loss(test_.at("loss").as_string("loss"));
    training::LossTerm& term = settings.losses.emplace_back();
    Attrs parameters;
    if (test_.find("classes") != nullptr && output_shape(test_).rank() == 3) {
      parameters.set("class_axis", Int{-1});  // [batch, sequence, classes]
    }
    term.loss = {loss.name,
                 training::complete_parameters("loss", loss.name, loss.parameters, parameters)};
    const training::Optimizer& optimizer = training::find_optimizer("adam");
    settings.optimizer = {optimizer.name,
                          training::complete_parameters("optimizer", optimizer.name,
                                                        optimizer.parameters, {{"lr", lr}})};
    training::EngineOptions options;
    options.threads = 1;
    engine_ = std::make_unique<Engine>(onnx_.build_graph(graph::standard_ops()), settings,
                                       *backend_, *reference_, options);
    engine_->prepare({request(kind)});
    if (engine_->store().find(ScalarRole::kRates) >= 0) {
      training::RateTable(engine_->store(), settings).fill_constant();
    }
    held_ = engine_->executor(request(kind));
    bind_inputs();
    return *held_;
  }

  void bind_target(const Shape& output) {
    const std::string stream = name_ + "/target";
    const int port = held_->plan().input({PortRole::kTarget, 0});
    if (const JsonValue* classes = test_.find("classes")) {
      Shape shape{output[0]};
      if (output.rank() == 3) {
        shape.push_back(output[1]);
      }
      const auto values =
          generate_classes(stream, shape.element_count(), classes->as_int("classes"));
      held_->bind_input(port, Tensor::from<Int>(DType::kInt64, shape, std::span(values)));
    } else {
      const auto values = generate_floats(stream, output.element_count(), 0, 1);
      held_->bind_input(port, Tensor::from<float>(DType::kFloat32, output, std::span(values)));
    }
  }

 private:
  graph::OnnxModel load(Values values) {
    const std::string path = folder_.path() + "/" + name_ + ".onnx";
    FreshModel model = fresh_model_of(test_);
    if (values == Values::kGiven) {
      give_values(model, name_);
    }
    models::write_model(model, path);
    return graph::OnnxModel::load(path);
  }

  void bind_inputs() {
    const std::vector<graph::OnnxValueInfo> inputs = onnx_.inputs();
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Shape shape;
      for (const graph::Dim& dim : inputs[i].dims) {
        shape.push_back(dim.value >= 0 ? dim.value : dim.symbol == "sequence" ? kSequence : kBatch);
      }
      const std::string stream = name_ + "/" + inputs[i].name;
      const int port = held_->plan().input({PortRole::kModelInput, static_cast<int>(i)});
      if (inputs[i].dtype == DType::kInt64) {
        const Int bound = test_.at("tokens").at(inputs[i].name).as_int("bound");
        const auto values = generate_classes(stream, shape.element_count(), bound);
        held_->bind_input(port, Tensor::from<Int>(DType::kInt64, shape, std::span(values)));
      } else {
        const auto values = generate_floats(stream, shape.element_count(), 0, 1);
        held_->bind_input(port, Tensor::from<float>(DType::kFloat32, shape, std::span(values)));
      }
    }
  }

  const JsonValue& test_;
  std::string name_;
  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> reference_;
  graph::OnnxModel onnx_;
  std::unique_ptr<Engine> engine_;
  training::HeldExecutor held_;
};

class FreshModelOf : public testing::TestWithParam<std::size_t> {
 protected:
  const JsonValue& test_ = fresh_cases().at(GetParam());
};

TEST_P(FreshModelOf, GivesWhatOnnxruntimeGives) {
  FreshRun run(test_, Values::kGiven);
  Executor& executor = run.prepare(GraphKind::kPredict);
  executor.run();
  const Tensor output = executor.read_output(0).to_plain();
  ASSERT_EQ(output.shape(), output_shape(test_));
  const std::vector<double> values = output.values<double>();
  double norm = 0;
  for (const double value : values) {
    norm = std::hypot(norm, value);
  }
  const double expected = test_.at("output").at("norm").as_double("norm");
  EXPECT_NEAR(norm, expected, 1e-5 * expected);
  const double typical = expected / std::sqrt(static_cast<double>(values.size()));
  for (const JsonValue& sample : test_.at("output").at("samples").as_array("samples")) {
    const JsonValue::Array& pair = sample.as_array("a sample");
    const auto index = static_cast<std::size_t>(pair.at(0).as_int("an index"));
    EXPECT_NEAR(values.at(index), pair.at(1).as_double("a value"), 1e-4 * typical) << index;
  }
}

// What is trained of the file is what the builder made as a parameter: no constant, no statistic.
TEST_P(FreshModelOf, TrainsItsParametersAndNothingElse) {
  const FreshModel model = fresh_model_of(test_);
  FreshRun run(test_);
  std::vector<graph::TensorDecision> decisions;
  run.onnx().build_graph(graph::standard_ops(), {}, &decisions);
  for (const graph::TensorDecision& decision : decisions) {
    const VariableId id = model.graph.find_variable(decision.name);
    const bool parameter = id.valid() && model.graph.variable(id).is(VariableKind::kParameter);
    EXPECT_EQ(decision.trainable, parameter) << decision.name << ": " << decision.why;
  }
}

// At a rate at which networks with four values a channel for BatchNorm do not jump about.
std::vector<double> losses_of(const JsonValue& test) {
  FreshRun run(test);
  Executor& executor = run.prepare(GraphKind::kTrain, 0.003);
  run.bind_target(output_shape(test));
  std::vector<double> losses;
  for (int step = 0; step < 60; ++step) {
    executor.run();
    losses.push_back(
        executor.read_output(executor.plan().output(PortRole::kLoss, 0)).values<double>().at(0));
  }
  return losses;
}

TEST_P(FreshModelOf, Learns) {
  const std::vector<double> losses = losses_of(test_);
  EXPECT_LT(losses.back(), 0.9 * losses.front());
}

INSTANTIATE_TEST_SUITE_P(Models, FreshModelOf, testing::Range(std::size_t{0}, fresh_cases().size()),
                         [](const testing::TestParamInfo<std::size_t>& tested) {
                           return fresh_cases().at(tested.param).at("name").as_string("name");
                         });

}  // namespace
}  // namespace temper
