// What one step does to the parameters: accumulation, clipping, freezing; early stopping;
// devices agree.
#include "tests/training/compile/training_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>

#include "tests/graph/onnx/wire_writer.h"

namespace temper::training {
namespace {

TEST_F(TrainingStep, AccumulatingThreeBatchesEqualsOneOfThreeTimesTheSize) {
  for (const char* optimizer : {"optimizer.momentum=0.9", "optimizer.name=\"adamw\""}) {
    const Lines common = {"optimizer.lr=0.05", "train.steps=5", "clip.norm=0.5", optimizer};
    Lines small = common, large = common;
    small.insert(small.end(), {"data.batch_size=4", "train.accumulate=3"});
    large.push_back("data.batch_size=12");
    const Trained one = train(recipe("plain.onnx", large));
    const Trained three = train(recipe("plain.onnx", small));
    expect_near(one.variables, three.variables, 1e-6);
    ASSERT_EQ(one.losses.size(), 5U);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_NEAR(one.losses[i], three.losses[i], 1e-6);
    }
    EXPECT_NEAR(one.norm, three.norm, 1e-6);
  }
}

double norm_of(const Values& gradient) {
  double sum = 0;
  for (const auto& [name, values] : gradient) {
    for (const double value : values) {
      sum += value * value;
    }
  }
  return std::sqrt(sum);
}

// torch.nn.utils.clip_grad_norm_: gradient * min(1, max_norm / (norm + 1e-6))
TEST_F(TrainingStep, ClippingScalesTheGradientAsPyTorchDoes) {
  const Trained free = train(recipe("plain.onnx", {"train.steps=1"}));
  const Values gradient = gradient_of(free.variables);
  const double norm = norm_of(gradient);
  ASSERT_GT(norm, 0.1);
  EXPECT_NEAR(free.norm, norm, 1e-5 * norm);
  for (const double max_norm : {0.01, 0.5 * norm}) {
    const Trained clipped =
        train(recipe("plain.onnx", {"train.steps=1", "clip.norm=" + std::to_string(max_norm)}));
    Values expected;
    for (const auto& [name, before] : initial_values()) {
      for (std::size_t i = 0; i < before.size(); ++i) {
        const double rounded = std::stod(std::to_string(max_norm));
        expected[name].push_back(before[i] - gradient.at(name)[i] * rounded / (norm + 1e-6));
      }
    }
    expect_near(clipped.variables, expected, 1e-6);
    EXPECT_NEAR(clipped.norm, norm, 1e-5 * norm);  // the norm before clipping is logged
  }
  const Trained loose = train(recipe("plain.onnx", {"train.steps=1", "clip.norm=1000.0"}));
  EXPECT_EQ(loose.variables, free.variables);
}

// A first SGD step with rate 1 after what `change` makes of each tensor's gradient.
Values stepped(
    const Values& gradient,
    const std::function<std::vector<double>(const std::string&, std::vector<double>)>& change) {
  Values after = initial_values();
  for (auto& [name, values] : after) {
    const std::vector<double> changed = change(name, gradient.at(name));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] -= changed[i];
    }
  }
  return after;
}

// Rows of w1 and w2 (Gemm with transB), the whole of a bias.
std::size_t unit_size(const std::string& name, std::size_t elements) {
  return name == "w1" ? static_cast<std::size_t>(kTinyInputs) : name == "w2" ? 8U : elements;
}

double norm_of_unit(const std::vector<double>& values, std::size_t begin, std::size_t count) {
  double sum = 0;
  for (std::size_t i = begin; i < begin + count; ++i) {
    sum += values[i] * values[i];
  }
  return std::sqrt(sum);
}

TEST_F(TrainingStep, ClippingByValueTensorAndUnitReachesEveryParameter) {
  const Values gradient = gradient_of(train(recipe("plain.onnx", {"train.steps=1"})).variables);
  const auto check = [&](const char* line, const auto& change) {
    SCOPED_TRACE(line);
    for (const char* device : {"train.device=\"cpu\"", "train.device=\"reference\""}) {
      const Trained trained = train(recipe("plain.onnx", {"train.steps=1", device, line}));
      const Values expected = stepped(gradient, change);
      expect_near(trained.variables, expected, 2e-6);
      EXPECT_NEAR(trained.norm, norm_of(gradient), 1e-5 * norm_of(gradient));  // before clipping
    }
  };
  check("clip.value=0.03", [](const std::string&, std::vector<double> g) {
    for (double& x : g) {
      x = std::clamp(x, -0.03, 0.03);
    }
    return g;
  });
  check("clip.tensor_norm=0.1", [](const std::string&, std::vector<double> g) {
    const double factor = std::min(1.0, 0.1 / (norm_of_unit(g, 0, g.size()) + 1e-6));
    for (double& x : g) {
      x *= factor;
    }
    return g;
  });
  check("clip.agc=0.05", [](const std::string& name, std::vector<double> g) {
    const std::vector<double> w = initial_values().at(name);
    const std::size_t size = unit_size(name, g.size());
    for (std::size_t begin = 0; begin < g.size(); begin += size) {
      const double most = 0.05 * std::max(norm_of_unit(w, begin, size), 1e-3);
      const double factor = std::min(1.0, most / norm_of_unit(g, begin, size));
      for (std::size_t i = begin; i < begin + size; ++i) {
        g[i] *= factor;
      }
    }
    return g;
  });
  check("optimizer.centralize=true", [](const std::string& name, std::vector<double> g) {
    const std::size_t size = unit_size(name, g.size());
    for (std::size_t begin = 0; name.starts_with("w") && begin < g.size(); begin += size) {
      double mean = 0;
      for (std::size_t i = begin; i < begin + size; ++i) {
        mean += g[i] / static_cast<double>(size);
      }
      for (std::size_t i = begin; i < begin + size; ++i) {
        g[i] -= mean;
      }
    }
    return g;
  });
}

// y = x w^T + c + d: c and d have one gradient, which is one value of the graph after merging.
TEST_F(TrainingStep, ParametersWithTheSameGradientAreBothUpdated) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {
      floats("w", {kTinyClasses, kTinyInputs}, tiny_values(kTinyClasses * kTinyInputs, 1)),
      floats("c", {kTinyClasses}, tiny_values(kTinyClasses, 2)),
      floats("d", {kTinyClasses}, tiny_values(kTinyClasses, 3))};
  parts.nodes = {node("Gemm", {"x", "w", "c"}, {"h"}, {int_attribute("transB", 1)}, "linear"),
                 node("Add", {"h", "d"}, {"y"}, {}, "again")};
  std::ofstream(folder_.path("shared.onnx"), std::ios::binary) << parts.bytes();
  for (const char* device : {"train.device=\"cpu\"", "train.device=\"reference\""}) {
    const Trained trained =
        train(recipe("shared.onnx", {"train.steps=1", "optimizer.lr=0.5", device}));
    for (std::size_t i = 0; i < 3; ++i) {
      const double of_c = trained.variables.at("c")[i] - tiny_values(kTinyClasses, 2)[i];
      const double of_d = trained.variables.at("d")[i] - tiny_values(kTinyClasses, 3)[i];
      EXPECT_GT(std::abs(of_c), 1e-4) << device;
      EXPECT_NEAR(of_c, of_d, 1e-6) << device;
    }
  }
}

TEST_F(TrainingStep, FrozenParametersStayBitIdenticalAndHaveNoState) {
  const Trained trained = train(recipe("full.onnx", {"optimizer.lr=0.1", "optimizer.momentum=0.9",
                                                     "model.freeze=[\"w1\", \"b2\"]"}));
  EXPECT_EQ(trained.variables.at("w1"), initial_values().at("w1"));
  EXPECT_EQ(trained.variables.at("b2"), initial_values().at("b2"));
  EXPECT_NE(trained.variables.at("b1"), initial_values().at("b1"));
  EXPECT_NE(trained.variables.at("w2"), initial_values().at("w2"));
  EXPECT_FALSE(trained.variables.contains("w1.momentum_buffer"));
  EXPECT_TRUE(trained.variables.contains("w2.momentum_buffer"));
}

// Nodes of the finished training graph by what they are for.
std::map<std::string, int> gradient_nodes(const Recipe& recipe) {
  std::map<std::string, int> count;
  EngineOptions options;
  options.observer = [&](const std::string&, std::string_view, const graph::Graph& graph) {
    count.clear();  // the last pass's graph stays
    for (int i = 0; i < graph.node_count(); ++i) {
      const graph::Node& node = graph.node(NodeId{i});
      for (const char* of : {"'first'", "'norm'", "'relu'", "'drop'", "'second'"}) {
        if (!node.removed && node.origin.find("gradient") != std::string::npos &&
            node.origin.find(of) != std::string::npos) {
          ++count[of];
        }
      }
    }
  };
  Session session(recipe, options);
  session.engine().prepare({session.request(GraphKind::kTrain, 4)});
  return count;
}

TEST_F(TrainingStep, NothingBeforeTheFirstTrainableParameterIsDifferentiated) {
  const auto all = gradient_nodes(recipe("full.onnx", {}));
  for (const char* of : {"'first'", "'norm'", "'drop'", "'second'"}) {  // relu: fused with norm
    EXPECT_GT(all.count(of) == 0 ? 0 : all.at(of), 0) << of;
  }
  const auto frozen =
      gradient_nodes(recipe("full.onnx", {"model.freeze=[\"w1\", \"b1\", \"bn.*\"]"}));
  ASSERT_EQ(frozen.size(), 1U);
  EXPECT_EQ(frozen.begin()->first, "'second'");
  EXPECT_LT(frozen.at("'second'"), all.at("'second'"));  // no gradient of its input
}

TEST_F(TrainingStep, RunsUntilPatienceEnds) {
  write_tiny_data(folder_.path("val.npz"), 10, 6);
  Recipe still =
      recipe("plain.onnx", {"optimizer.lr=0.0", "checkpoint.patience=2", "train.epochs=20",
                            "data.val=\"" + folder_.path("val.npz") + "\""});
  const RunRecord record = run_tiny(still, false);
  EXPECT_EQ(record.result.outcome, RunOutcome::kStoppedEarly);
  EXPECT_EQ(record.result.steps, 18);  // the model as given is the best, two do not improve on it
  const RunRecord resumed = run_tiny(still, true);
  EXPECT_EQ(resumed.result.outcome, RunOutcome::kStoppedEarly);
  EXPECT_TRUE(resumed.losses.empty());
}

TEST_F(TrainingStep, WatchesTheMetricThatIsNamed) {
  write_tiny_data(folder_.path("val.npz"), 10, 6);
  const std::string val = "data.val=\"" + folder_.path("val.npz") + "\"";
  const Lines common = {"optimizer.lr=0.05", val};
  for (const char* monitor : {"train/loss", "train/accuracy", "val/loss", "val/accuracy"}) {
    std::filesystem::remove_all(folder_.path("run"));
    Lines lines = common;
    lines.push_back("checkpoint.monitor=\"" + std::string(monitor) + "\"");
    const RunRecord record = run_tiny(recipe("plain.onnx", lines), false);
    EXPECT_EQ(record.result.monitor, monitor);
    // The best value is one of those logged under that name.
    std::string text = "\"" + std::string(monitor) + "\": ";
    bool found = false;
    for (std::size_t at = record.log.find(text); at != std::string::npos;
         at = record.log.find(text, at + 1)) {
      found = found || std::stod(record.log.substr(at + text.size())) == record.result.best_metric;
    }
    EXPECT_TRUE(found) << monitor << " " << record.result.best_metric;
  }
  expect_error([&] { run_tiny(recipe("plain.onnx", {"checkpoint.monitor=\"val/loss\""}), false); },
               ErrorCode::kInvalidArgument, "checkpoint.monitor", "train/loss", "data.val");
}

TEST_F(TrainingStep, TheCpuBackendAgreesWithTheReference) {
  const Lines lines = {"optimizer.momentum=0.9", "optimizer.lr=0.02", "train.epochs=2"};
  Lines reference = lines;
  reference.push_back("train.device=\"reference\"");
  const Trained fast = train(recipe("full.onnx", lines));
  const Trained plain = train(recipe("full.onnx", reference));
  ASSERT_EQ(fast.losses.size(), 18U);
  for (std::size_t i = 0; i < fast.losses.size(); ++i) {
    EXPECT_NEAR(fast.losses[i], plain.losses[i], 1e-5);
  }
  for (const auto& [name, values] : plain.variables) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_NEAR(fast.variables.at(name)[i], values[i], 1e-5) << name << " " << i;
    }
  }
}

}  // namespace
}  // namespace temper::training
