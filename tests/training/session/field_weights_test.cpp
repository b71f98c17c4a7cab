// Models from the field whose weights did not train, or that were exported in training mode: they
// train as in PyTorch, a run says what trains, and what is written infers. Expected values from
// tools/oracle/field_weights.py.
#include <algorithm>
#include <cmath>

#include "graph/ops/standard_ops.h"
#include "graph/passes/training_mode.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/inspection.h"
#include "training/analysis/prediction.h"
#include "training/session/what_trains.h"

namespace temper::training {
namespace {

std::string field(const std::string& name) { return fixture("field/" + name); }

// One step of SGD with a rate of 1 over all four rows.
Recipe one_step(const std::string& model, const std::string& out,
                const std::vector<std::string>& lines = {}) {
  const std::string data = model.substr(0, model.rfind('/')) + "/data.npz";
  std::vector<std::string> all = {"data.val_split=0",       "data.shuffle=false",
                                  "optimizer.name=\"sgd\"", "optimizer.lr=1",
                                  "train.epochs=1",         "data.batch_size=4"};
  all.insert(all.end(), lines.begin(), lines.end());
  return tiny_recipe(model, data, out, all);
}

std::map<std::string, Tensor> tensors_of(const std::string& path) {
  const graph::Graph graph = graph::OnnxModel::load(path).build_graph(graph::standard_ops());
  std::map<std::string, Tensor> values;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    values[variable.name] = graph::initial_value(variable);
  }
  return values;
}

void expect_near(const Tensor& got, const Tensor& expected, const std::string& what) {
  const std::vector<double> a = got.values<double>();
  const std::vector<double> b = expected.values<double>();
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_NEAR(a[i], b[i], 2e-6) << what << " " << i;
  }
}

bool says(const std::vector<std::string>& notes, const std::string& part) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

TEST(FieldWeights, AWrittenOutLayerNormTrainsAsInPyTorch) {
  const TempFolder folder;
  const std::string model = field("layernorm_written_out/model13.onnx");
  const RunRecord record = run_tiny(one_step(model, folder.path("run")), false);
  const std::map<std::string, Tensor> got = tensors_of(record.result.last_model);
  const NpzFile expected(field("layernorm_written_out/expected.npz"));
  EXPECT_EQ(expected.names().size(), 6u);
  for (const std::string& name : expected.names()) {
    ASSERT_TRUE(got.contains(name)) << name;
    expect_near(got.at(name), expected.read(name), name);
  }
}

TEST(FieldWeights, ARunSaysWhatTrains) {
  const TempFolder folder;
  const std::string model = field("layernorm_written_out/model13.onnx");
  const Session all(one_step(model, folder.path("a")));
  EXPECT_TRUE(says(all.notes(), "6 of 8 float tensors train (35 of 37 parameters); not: "))
      << join(all.notes(), "\n");
  const Session some(one_step(model, folder.path("b"), {"model.freeze=[\"1/**\", \"0.bias\"]"}));
  EXPECT_TRUE(says(some.notes(),
                   "3 of 8 float tensors train (23 of 37 parameters); not: 0.bias, 1.weight, "
                   "1.bias (frozen by model.freeze), "))
      << join(some.notes(), "\n");
}

TEST(FieldWeights, ModelsExportedInTrainingModeTrainAndAreWrittenForInference) {
  const NpzFile expected(field("training_mode_export/expected.npz"));
  for (const char* name : {"model9", "model15", "read9", "read15"}) {
    const TempFolder folder;
    const std::string model = field(concat("training_mode_export/", name, ".onnx"));
    const Recipe recipe = one_step(model, folder.path("run"));
    EXPECT_TRUE(says(Session(recipe).notes(),
                     "was exported in training mode (BatchNormalization 1, "
                     "Dropout 0): it is evaluated, and written, in"));
    const RunRecord record = run_tiny(recipe, false);
    const std::string last = record.result.last_model;
    std::map<std::string, Tensor> got = tensors_of(last);
    for (const char* tensor :
         {"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"}) {
      expect_near(got.at(tensor), expected.read(tensor), concat(name, " ", tensor));
    }
    const graph::Graph written = graph::OnnxModel::load(last).build_graph(graph::standard_ops());
    for (int i = 0; i < written.node_count(); ++i) {
      const graph::Node& node = written.node(NodeId{i});
      if (node.op->name() == "BatchNormalization") {
        EXPECT_EQ(node.attrs.get_int("training_mode", 0), 0) << name;
        EXPECT_EQ(node.outputs.size(), 1u) << name;
      }
    }
    Recipe of_last = one_step(last, folder.path("p"));
    of_last.data.train = recipe.data.train;
    const Prediction prediction = predict(of_last);
    expect_near(prediction.outputs.at(0).second, expected.read("y"), concat(name, " y"));
    for (std::size_t i = 1; i < prediction.outputs.size(); ++i) {
      const char* statistic = i % 2 == 1 ? "1.running_mean" : "1.running_var";
      expect_near(prediction.outputs[i].second, expected.read(statistic),
                  concat(name, " ", prediction.outputs[i].first));
    }
  }
}

TEST(FieldWeights, StatisticsThatAreReadAreThoseOfTheBatchInTraining) {
  const NpzFile expected(field("training_mode_export/expected.npz"));
  const TempFolder folder;
  const std::string model = field("training_mode_export/read9.onnx");
  Session session(one_step(model, folder.path("run")));
  const GraphRequest request = session.request(GraphKind::kTrain, 4);
  session.engine().prepare({request});
  const auto loader = session.make_ordered_loader(4);
  const HeldExecutor held = session.engine().executor(request);
  Executor& executor = *held;
  session.bind(executor, *loader->next());
  executor.run();
  const auto output = [&](const char* name) {
    const std::vector<PlanPort>& ports = executor.plan().outputs;
    const auto found = std::find_if(ports.begin(), ports.end(), [&](const PlanPort& port) {
      return port.port.role == PortRole::kModelOutput && port.name == name;
    });
    return executor.read_output(static_cast<int>(found - ports.begin())).to_plain();
  };
  expect_near(output("new_mean"), expected.read("1.running_mean"), "new_mean");
  expect_near(output("new_var"), expected.read("1.running_var"), "new_var");
  expect_near(output("batch_mean"), expected.read("batch_mean"), "batch_mean");
  expect_near(output("batch_var"), expected.read("batch_var"), "batch_var");
}

TEST(FieldWeights, DropoutLeftInTrainingModeIsWrittenForInference) {
  const TempFolder folder;
  const std::string model = field("training_mode_export/dropout17.onnx");
  const RunRecord record = run_tiny(one_step(model, folder.path("run"), {"optimizer.lr=0"}), false);
  const graph::Graph written =
      graph::OnnxModel::load(record.result.last_model).build_graph(graph::standard_ops());
  EXPECT_FALSE(graph::training_form(written).any());
  EXPECT_TRUE(graph::training_form(graph::OnnxModel::load(model).build_graph(graph::standard_ops()))
                  .counts.at("Dropout") == 1);
}

TEST(FieldWeights, ABlockedModelStillShowsItsTensors) {
  using namespace temper::test;
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}, {}, "first"),
                 node("ImageDecoder", {"h"}, {"y"}, {}, "nms")};
  parts.initializers = {floats("w", {4, 4}, std::vector<float>(16, 1.0f))};
  const TempFolder folder;
  const graph::OnnxModel model =
      graph::OnnxModel::load(folder.write("blocked.onnx", parts.bytes()));
  const ModelInspection inspection = inspect_model(model);
  EXPECT_FALSE(inspection.imports());
  ASSERT_EQ(inspection.tensors.size(), 1u);
  EXPECT_EQ(inspection.tensors[0].why, "weight of MatMul 'first'");
  ASSERT_EQ(inspection.problems.size(), 1u);
  EXPECT_EQ(inspection.problems[0].op, "ImageDecoder");
}

// y = (x w) / t with a scalar t.
std::string write_temperature_model(const TempFolder& folder) {
  using namespace temper::test;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, 2})};
  parts.outputs = {value_info("y", {-1, 3})};
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}, {}, "first"),
                 node("Div", {"h", "temperature"}, {"y"}, {}, "divide")};
  parts.initializers = {floats("w", {2, 3}, {1, 0, -1, 0.5f, 2, 0}),
                        floats("temperature", {}, {2})};
  return folder.write("model.onnx", parts.bytes());
}

// Of the mean cross entropy over the rows of data.npz at t = 2: -sum (p - onehot) h / t^2 / rows.
double temperature_gradient() {
  const double t = 2;
  const double x[4][2] = {{1, 0}, {0, 1}, {1, 1}, {-1, 2}};
  const double w[2][3] = {{1, 0, -1}, {0.5, 2, 0}};
  const int target[4] = {0, 1, 2, 0};
  double gradient = 0;
  for (int row = 0; row < 4; ++row) {
    double h[3] = {};
    double sum = 0;
    for (int k = 0; k < 3; ++k) {
      h[k] = x[row][0] * w[0][k] + x[row][1] * w[1][k];
      sum += std::exp(h[k] / t);
    }
    for (int k = 0; k < 3; ++k) {
      const double share = std::exp(h[k] / t) / sum - (k == target[row] ? 1 : 0);
      gradient -= share * h[k] / (t * t) / 4;
    }
  }
  return gradient;
}

TEST(FieldWeights, AScalarTrainsWhenModelTrainableNamesIt) {
  const TempFolder folder;
  const std::string model = write_temperature_model(folder);
  Recipe recipe = one_step(field("layernorm_written_out/model13.onnx"), folder.path("run"),
                           {"model.trainable=[\"w\", \"temperature\"]"});
  recipe.model.path = model;
  Recipe by_default = recipe;
  by_default.model.trainable.clear();
  EXPECT_TRUE(says(Session(by_default).notes(),
                   "1 of 2 float tensors train (6 of 7 parameters); not: temperature (scalars)"));
  const RunRecord record = run_tiny(recipe, false);
  const auto model_of = graph::OnnxModel::load(record.result.last_model);
  const graph::Graph written = model_of.build_graph(graph::standard_ops(), {"temperature"});
  const double got =
      written.variable(written.find_variable("temperature")).initial.values<double>().front();
  EXPECT_NEAR(got, 2 - temperature_gradient(), 1e-6);
}

}  // namespace
}  // namespace temper::training
