// A loss in an ONNX file through recipes: beside other losses, weights, precision and accumulation,
// resumed, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/expected/loss_terms.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/formats/npz.h"
#include "training/records/metrics_log.h"
#include "training/session/run_metrics.h"

namespace temper::training {
namespace {

namespace expected = expected_terms;
using test::Message;
using test::ModelParts;
using test::node;
using test::value_info;

// mean (a - b)^2 of two inputs [batch, columns], the second of `type`.
ModelParts mse_file(const std::string& a, const std::string& b, std::int64_t columns,
                    int type = 1) {
  ModelParts parts;
  parts.inputs = {value_info(a, {-1, columns}), value_info(b, {-1, columns}, type)};
  parts.outputs = {value_info("loss", {})};
  parts.nodes = {node("Sub", {a, b}, {"error"}), node("Mul", {"error", "error"}, {"square"}),
                 node("ReduceMean", {"square"}, {"loss"}, {test::int_attribute("keepdims", 0)})};
  return parts;
}

class LossFileRun : public testing::Test {
 protected:
  LossFileRun() {
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, 3})};
    parts.outputs = {value_info("scores", {-1, 3}), value_info("value", {-1, 1})};
    parts.initializers = {
        test::floats("w1", {3, 3}, expected::kW1), test::floats("b1", {3}, expected::kB1),
        test::floats("w2", {1, 3}, expected::kW2), test::floats("b2", {1}, expected::kB2)};
    const std::vector<Message> transposed = {test::int_attribute("transB", 1)};
    parts.nodes = {node("Gemm", {"x", "w1", "b1"}, {"scores"}, transposed, "first"),
                   node("Gemm", {"x", "w2", "b2"}, {"value"}, transposed, "second")};
    folder_.write("two.onnx", parts.bytes());
    write_npz(folder_.path("data.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {8, 3}, expected::kX)},
               {"label", Tensor::from<std::int64_t>(DType::kInt64, {8}, expected::kLabels)},
               {"price", Tensor::from<float>(DType::kFloat32, {8, 1}, expected::kPrice)},
               {"w", Tensor::from<float>(DType::kFloat32, {8}, expected::kSampleWeights)}});
    folder_.write("mse.onnx", mse_file("value", "price", 1).bytes());
  }

  Recipe recipe(const std::string& losses, std::vector<std::string> lines = {}) {
    const std::string text =
        "[model]\npath = \"two.onnx\"\n[data]\ntrain = \"data.npz\"\n"
        "[train]\nthreads = 1\n[log]\nevery = 1\n"
        "tensorboard = false\ncharts = false\n" +
        losses;
    lines.insert(lines.begin(), "train.out=\"" + folder_.path("run") + "\"");
    return read_recipe({folder_.write("recipe.toml", text), {}, std::move(lines), false});
  }

  // Both recipes have the same loss and gradients.
  void expect_same(const std::string& losses, const std::string& built_in) {
    const Gradients made = compute_gradients(recipe(losses), {});
    const Gradients wanted = compute_gradients(recipe(built_in), {});
    EXPECT_NEAR(made.loss, wanted.loss, 1e-6 * wanted.loss);
    ASSERT_EQ(made.tensors.size(), wanted.tensors.size());
    for (std::size_t i = 0; i < made.tensors.size(); ++i) {
      const std::vector<double> a = made.tensors[i].second.values<double>();
      const std::vector<double> b = wanted.tensors[i].second.values<double>();
      for (std::size_t k = 0; k < b.size(); ++k) {
        EXPECT_NEAR(a[k], b[k], 1e-6 * std::max(1.0, std::abs(b[k])))
            << wanted.tensors[i].first << ", element " << k;
      }
    }
  }

  void refused(const ModelParts& file, const std::vector<std::string>& parts,
               const std::string& more = "") {
    folder_.write("bad.onnx", file.bytes());
    try {
      compute_gradients(recipe("[loss]\nfile = \"bad.onnx\"\n" + more), {});
      ADD_FAILURE() << "no error";
    } catch (const Error& error) {
      for (const std::string& part : parts) {
        EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
            << "'" << part << "' is not in: " << error.what();
      }
    }
  }

  TempFolder folder_;
};

constexpr const char* kFile = "[loss]\nfile = \"mse.onnx\"\n";

TEST_F(LossFileRun, IsAsTheBuiltInLoss) {
  expect_same(kFile, "[loss]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\n");
}

TEST_F(LossFileRun, AddsUpWithOtherLossesAndPenalties) {
  const std::string first =
      "[loss]\nl2 = 0.01\n[[loss.term]]\nname = \"cross_entropy\"\ntarget = \"label\"\n";
  expect_same(first + "[[loss.term]]\nfile = \"mse.onnx\"\nloss_weight = 0.5\n",
              first +
                  "[[loss.term]]\nname = \"mse\"\noutput = \"value\"\ntarget = \"price\"\n"
                  "loss_weight = 0.5\n");
}

TEST_F(LossFileRun, TakesTheWeightsOfSamples) {
  ModelParts parts = mse_file("value", "price", 1);
  parts.inputs.push_back(value_info("sample_weight", {-1}));
  parts.initializers = {test::ints("last", {1})};
  parts.nodes = {node("Sub", {"value", "price"}, {"error"}),
                 node("Mul", {"error", "error"}, {"square"}),
                 node("Unsqueeze", {"sample_weight", "last"}, {"column"}),
                 node("Mul", {"column", "square"}, {"weighted"}),
                 node("ReduceMean", {"weighted"}, {"loss"}, {test::int_attribute("keepdims", 0)})};
  folder_.write("weighted.onnx", parts.bytes());
  const std::string weights = "[loss]\nsample_weight = \"w\"\n";
  expect_same(weights + "file = \"weighted.onnx\"\n",
              weights + "name = \"mse\"\noutput = \"value\"\ntarget = \"price\"\n");
  refused(mse_file("value", "price", 1),
          {"loss.sample_weight is set", "takes no weights", "value, price"},
          "sample_weight = \"w\"\n");
}

TEST_F(LossFileRun, NeedsNoTargetWhereItComparesWithTheModelsInput) {
  folder_.write("rebuild.onnx", mse_file("scores", "x", 3).bytes());
  expect_same("[loss]\nfile = \"rebuild.onnx\"\n",
              "[loss]\nname = \"mse\"\noutput = \"scores\"\ntarget = \"x\"\n");
}

TEST_F(LossFileRun, ATargetIsDeliveredInTheShapeAndTypeOfTheFile) {
  ModelParts parts = mse_file("value", "flat", 1);
  parts.inputs = {value_info("value", {-1, 1}), value_info("price", {-1})};
  parts.initializers = {test::ints("last", {1})};
  parts.nodes.insert(parts.nodes.begin(), node("Unsqueeze", {"price", "last"}, {"flat"}));
  folder_.write("flat.onnx", parts.bytes());
  expect_same("[loss]\nfile = \"flat.onnx\"\n", kFile);
}

TEST_F(LossFileRun, TheColumnsOfATableAreTargets) {
  std::ofstream csv(folder_.path("data.csv"));
  csv << "a,b,c,price\n";
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t i = 0; i < 3; ++i) {
      csv << expected::kX[row * 3 + i] << ",";
    }
    csv << expected::kPrice[row] << "\n";
  }
  csv.close();
  const Gradients table = compute_gradients(
      recipe(kFile, {"data.train=\"" + folder_.path("data.csv") + "\"", "data.standardize=false"}),
      {});
  EXPECT_NEAR(table.loss, compute_gradients(recipe(kFile), {}).loss, 1e-6);
}

TEST_F(LossFileRun, ReadsBackFromItsText) {
  const Recipe first = recipe("[[loss.term]]\nfile = \"mse.onnx\"\nlabel = \"price\"\n");
  EXPECT_EQ(first.loss_terms.front().file, folder_.path("mse.onnx"));
  const std::string text = to_toml(first);
  EXPECT_EQ(to_toml(read_recipe({folder_.write("again.toml", text), {}, {}, false})), text);
}

TEST_F(LossFileRun, TrainsWithAccumulationAndResumesWithTheSameBits) {
  const std::vector<std::string> lines = {"train.epochs=6", "data.batch_size=2",
                                          "train.accumulate=2", "optimizer.lr=0.05",
                                          "data.val=\"" + folder_.path("data.npz") + "\""};
  const RunRecord whole = run_tiny(recipe(kFile, lines), false);
  EXPECT_LT(whole.losses.back(), 0.5 * whole.losses.front());
  bool judged = false;
  read_metrics(folder_.path("run/metrics.jsonl"), [&](const LoggedStep& step) {
    for (const Metric& metric : step.metrics) {
      judged = judged || metric.name == "val/rmse";  // its target is compared with its output
    }
  });
  EXPECT_TRUE(judged);
  std::vector<std::string> cut = lines;
  cut.push_back("train.out=\"" + folder_.path("cut") + "\"");
  run_tiny(recipe(kFile, cut), false, [](const StepView& view) { return view.progress.step == 5; });
  // As `temper train --resume cut` does, from another folder than the recipe's.
  const Recipe written = read_recipe({folder_.path("cut/recipe.toml"), {}, {}, false});
  EXPECT_EQ(written.loss.file, std::filesystem::path(folder_.path("mse.onnx")));
  EXPECT_EQ(run_tiny(written, true).variables, whole.variables);
  folder_.write("mse.onnx", mse_file("price", "value", 1).bytes());
  expect_error([&] { run_tiny(written, true); }, ErrorCode::kInvalidArgument, "loss.file",
               "mse.onnx' differs from what this run began with", "SHA-256");
}

TEST_F(LossFileRun, SaysWhatItsInputsAre) {
  const Session session(recipe(kFile));
  EXPECT_NE(join(session.notes(), "; ")
                .find("takes value (the model's output), price (the data's, f32[1] per sample)"),
            std::string::npos);
}

TEST_F(LossFileRun, StaysFloat32InMixedPrecision) {
  const std::vector<std::string> lines = {"train.steps=1", "data.batch_size=8",
                                          "train.precision=bf16"};
  const double wide = compute_gradients(recipe(kFile), {}).loss;
  EXPECT_NEAR(run_tiny(recipe(kFile, lines), false).losses.front(), wide, 0.02 * wide);
}

// mean (sum of scores - label)^2.
ModelParts label_file() {
  ModelParts parts;
  parts.inputs = {value_info("scores", {-1, 3}), value_info("label", {-1}, 7)};
  parts.outputs = {value_info("loss", {})};
  parts.initializers = {test::ints("axis", {1})};
  parts.nodes = {
      node("ReduceSum", {"scores", "axis"}, {"sum"}, {test::int_attribute("keepdims", 0)}),
      node("Cast", {"label"}, {"number"}, {test::int_attribute("to", 1)}),
      node("Sub", {"sum", "number"}, {"error"}), node("Mul", {"error", "error"}, {"square"}),
      node("ReduceMean", {"square"}, {"loss"}, {test::int_attribute("keepdims", 0)})};
  return parts;
}

TEST_F(LossFileRun, LabelsGiveTheMetricsOfClasses) {
  folder_.write("label.onnx", label_file().bytes());
  const std::string loss = "[loss]\nfile = \"label.onnx\"\n";
  const std::vector<std::string> lines = {"train.steps=2", "data.batch_size=8",
                                          "data.val=\"" + folder_.path("data.npz") + "\"",
                                          "checkpoint.monitor=val/f1"};
  EXPECT_EQ(run_tiny(recipe(loss, lines), false).result.monitor, "val/f1");
  // Other numbers are the file's affair, but nothing is counted then.
  write_npz(
      folder_.path("data.npz"),
      {{"x", Tensor::from<float>(DType::kFloat32, {8, 3}, expected::kX)},
       {"label", Tensor::from<std::int64_t>(DType::kInt64, {8},
                                            std::vector<std::int64_t>{0, 1, 2, 0, 7, 2, -1, 1})}});
  const Session session(recipe(loss));
  EXPECT_EQ(metric_task(session).task, Task::kNone);
  EXPECT_NE(join(session.notes(), "; ").find("no metrics of classes: "), std::string::npos);
  EXPECT_NE(join(session.notes(), "; ").find("the label is 7"), std::string::npos);
}

TEST_F(LossFileRun, TakesInputsOfTheModelInTheirShape) {
  refused(mse_file("scores", "x", 2), {"takes 'scores' as f32[batch,2]", "f32[2,3]"});
}

TEST_F(LossFileRun, WhatItDoesNotDependOnStaysAsItIs) {
  const Recipe settings = recipe(kFile, {"train.steps=3", "data.batch_size=8"});
  const RunRecord run = run_tiny(settings, false);
  const graph::Graph before =
      graph::OnnxModel::load(folder_.path("two.onnx")).build_graph(graph::standard_ops());
  const graph::Graph after =
      graph::OnnxModel::load(run.result.last_model).build_graph(graph::standard_ops());
  for (const char* name : {"w1", "b1", "w2", "b2"}) {
    const auto values = [&](const graph::Graph& graph) {
      return graph.variable(graph.find_variable(name)).initial.values<double>();
    };
    EXPECT_EQ(values(before) == values(after), name[1] == '1') << name;
  }
}

TEST_F(LossFileRun, RefusesWhatItCannotUse) {
  refused(mse_file("value", "cost", 1),
          {"'cost'", "has x, label, price, w", "takes cost from the data",
           "the outputs scores, value and the inputs x"});
  refused(mse_file("result", "price", 1),
          {"names no output of the model", "result, price", "scores, value"});
  refused(mse_file("scores", "price", 3),
          {"takes 'price' with rows of shape [3]", "'price'", "[1]"});
  refused(mse_file("value", "price", 2), {"takes 'value' as f32[batch,2]", "f32[2,1]"});
  ModelParts wide = mse_file("value", "price", 1, 11);
  wide.inputs = {value_info("value", {-1, 1}, 11), value_info("price", {-1, 1}, 11)};
  refused(wide, {"takes 'value' as f64[batch,1]", "f32[2,1]", "declare that type in the file"});
  ModelParts each = mse_file("value", "price", 1);
  each.nodes.back() = node("Identity", {"square"}, {"loss"});
  refused(each, {"has the shape [2,1]", "a loss is one number", "loss.mean()"});
  ModelParts two = mse_file("value", "price", 1);
  two.outputs.push_back(value_info("square", {-1, 1}));
  refused(two, {"has 2 outputs (loss, square)", "leave the others out"});
  ModelParts fixed = mse_file("value", "price", 1);
  fixed.inputs.front() = value_info("value", {4, 1});
  refused(fixed, {"'value' in batches of 4", "dynamic first dimension"});
}

TEST_F(LossFileRun, RefusesALossWithoutAGradient) {
  ModelParts hard = mse_file("scores", "label", 3, 7);
  hard.inputs = {value_info("scores", {-1, 3}), value_info("label", {-1}, 7)};
  hard.nodes = {node("ArgMax", {"scores"}, {"best"},
                     {test::int_attribute("axis", 1), test::int_attribute("keepdims", 0)}, "pick"),
                node("Equal", {"best", "label"}, {"right"}),
                node("Cast", {"right"}, {"number"}, {test::int_attribute("to", 1)}),
                node("ReduceMean", {"number"}, {"loss"}, {test::int_attribute("keepdims", 0)})};
  refused(hard, {"no gradient comes from the loss to scores", "stops at ArgMax 'pick'"});
}

TEST_F(LossFileRun, IsOneOfTheLossesThatAreCompared) {
  const std::string named = folder_.write("named.toml", "[loss]\nname = \"huber\"\ndelta = 2.0\n");
  const Recipe file = read_recipe({named, {}, {"loss.file=mse.onnx"}, true});
  EXPECT_EQ(file.loss.file, "mse.onnx");
  EXPECT_EQ(file.loss.loss.name, "");
  const std::string own = folder_.write("own.toml", kFile);
  const Recipe other = read_recipe({own, {}, {"loss.name=huber", "loss.delta=2"}, true});
  EXPECT_EQ(other.loss.file, "");
  EXPECT_EQ(other.loss.loss.parameters.get_double("delta", 0), 2);
}

TEST_F(LossFileRun, RefusesSettingsOfNamedLosses) {
  const auto problem = [&](const std::string& losses) {
    try {
      recipe(losses);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("no error");
  };
  EXPECT_NE(problem(std::string(kFile) + "name = \"mse\"\n").find("name is set beside file"),
            std::string::npos);
  EXPECT_NE(problem(std::string(kFile) + "target = \"price\"\n").find("target is set beside file"),
            std::string::npos);
  EXPECT_NE(problem(std::string(kFile) + "delta = 1.0\n").find("loss.delta is given"),
            std::string::npos);
  EXPECT_NE(problem("[[loss.term]]\nloss_weight = 2.0\n").find("needs name (which loss) or file"),
            std::string::npos);
  EXPECT_NE(problem("[[loss.term]]\nfile = \"mse.onnx\"\noutput = \"value\"\n")
                .find("[[loss.term]] output is set beside file"),
            std::string::npos);
}

}  // namespace
}  // namespace temper::training
