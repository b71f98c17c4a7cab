// Names are for people: whatever the tensors, inputs, outputs and nodes of a model are called, also
// as the code calls its own, a run has the same bits, goes on from its checkpoint with the same
// bits, and rolls back to the same state.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/training/support/hostile_names.h"
#include "tests/training/support/renamed_onnx.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"
#include "training/analysis/gradients.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"
#include "training/recipe/recipe_sources.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class Renamed : public testing::TestWithParam<NameList> {
 protected:
  static std::string sample(const std::string& path) {
    return std::string(TEMPER_SOURCE_DIR) + "/models/" + path;
  }

  void write_renamed(const std::string& from, const std::string& to,
                     const std::map<std::string, std::string>& names) const {
    std::ofstream(to, std::ios::binary) << with_names(read_bytes(from), names, GetParam().names());
  }

  // The first rows of arrays, under other names; row `wild` and each 40th after it make a spike.
  static void write_rows(const std::string& from, const std::string& to, std::int64_t rows,
                         const std::map<std::string, std::string>& names, std::int64_t wild) {
    const NpzFile file(from);
    std::vector<NamedTensor> arrays;
    bool target_taken = false;
    for (const auto& [old_name, new_name] : names) {
      target_taken = target_taken || (new_name == "target" && file.has(old_name));
    }
    for (const std::string& name : file.names()) {
      const Tensor whole = file.read(name);
      Shape shape = whole.shape();
      shape[0] = rows;
      Tensor part(whole.dtype(), shape);
      std::memcpy(part.data(), whole.data(), static_cast<std::size_t>(part.bytes()));
      if (wild >= 0 && part.dtype() == DType::kFloat32 && name != "target") {
        const std::int64_t size = part.element_count() / rows;
        for (std::int64_t row = wild; row < rows; row += 40) {
          for (std::int64_t k = 0; k < size; ++k) {
            float& value = part.span<float>()[static_cast<std::size_t>(row * size + k)];
            value = 1000 * (value + 1);
          }
        }
      }
      const auto known = names.find(name);
      arrays.emplace_back(known != names.end()               ? known->second
                          : name == "target" && target_taken ? "target:target"
                                                             : name,
                          std::move(part));
    }
    write_npz(to, arrays);
  }

  TempFolder folder_;
};

// Every bit of a run, in the order of the model and of the store.
struct Bits {
  std::vector<std::string> variables;
  std::vector<double> losses;
  std::string log;
  std::vector<std::vector<double>> exported;
  std::vector<std::vector<double>> predicted;
  std::vector<std::vector<double>> gradients;
  std::vector<std::string> messages;
  std::int64_t skipped = 0;
};

std::vector<std::string> bits_of(const VariableStore& store) {
  std::vector<std::string> all;
  for (int i = 0; i < store.count(); ++i) {
    const Tensor value = store.get(i);
    all.emplace_back(static_cast<const char*>(value.data()),
                     static_cast<std::size_t>(value.bytes()));
  }
  return all;
}

std::vector<std::vector<double>> weights_of(const std::string& model) {
  const graph::Graph graph = graph::OnnxModel::load(model, {}).build_graph(graph::standard_ops());
  std::vector<std::vector<double>> all;
  for (int i = 0; i < graph.variable_count(); ++i) {
    all.push_back(graph::initial_value(graph.variable(graph::VariableId{i})).values<double>());
  }
  return all;
}

// `stop_after`: steps; 0: never.
Bits run(const Recipe& recipe, bool resume, std::int64_t stop_after = 0) {
  Bits bits;
  const RunRecord record = run_tiny(recipe, resume, [&](const StepView& view) {
    bits.variables = bits_of(view.session.engine().store());
    return stop_after > 0 && view.progress.step >= stop_after;
  });
  bits.losses = record.losses;
  bits.log = record.log;
  bits.messages = record.messages;
  bits.skipped = record.result.skipped;
  if (stop_after == 0) {
    bits.exported = weights_of(record.result.last_model);
  }
  return bits;
}

void expect_equal(const Bits& expected, const Bits& actual) {
  EXPECT_FALSE(actual.variables.empty());
  EXPECT_EQ(expected.variables.size(), actual.variables.size());
  for (std::size_t i = 0; i < std::min(expected.variables.size(), actual.variables.size()); ++i) {
    EXPECT_TRUE(expected.variables[i] == actual.variables[i]) << "variable " << i;
  }
  EXPECT_EQ(expected.log, actual.log);
  EXPECT_EQ(expected.exported, actual.exported);
}

// TensorBoard's events have a histogram for each weight of the model, by its name.
void expect_histograms(const std::string& run_directory, const std::string& model) {
  std::string events;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(run_directory)) {
    if (entry.path().filename().string().find("tfevents") != std::string::npos) {
      events += read_bytes(entry.path().string());
    }
  }
  const graph::Graph graph = graph::OnnxModel::load(model, {}).build_graph(graph::standard_ops());
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    if (variable.trainable) {
      EXPECT_NE(events.find("weights/" + variable.name), std::string::npos) << variable.name;
      EXPECT_NE(events.find("gradients/" + variable.name), std::string::npos) << variable.name;
    }
  }
}

// One sample, as it is and with other names.
struct Sample {
  std::string model;  // of ONNX
  std::string data;
  std::int64_t rows = 0;
  std::int64_t wild = -1;  // the first row that makes a spike
  Lines lines;
};

class RenamedModel : public Renamed {
 protected:
  Recipe recipe(const Sample& sample, const std::string& model, const std::string& data,
                const std::string& out) const {
    Lines lines = sample.lines;
    for (std::string& line : lines) {
      if (line == "loss.teacher") {
        line = concat("loss.teacher.model=\"", model, "\"");
      }
    }
    const Lines common = {"data.batch_size=8",      "train.epochs=2",
                          "data.val_split=0.2",     "train.accumulate=2",
                          "average.kind=\"ema\"",   "train.spike=\"rollback\"",
                          "train.spike_snapshot=2", "train.spike_window=2",
                          "log.tensorboard=true",   "log.histograms=2"};
    lines.insert(lines.begin(), common.begin(), common.end());
    return tiny_recipe(model, data, folder_.path(out), lines);
  }

  Bits measure(const Sample& sample, const std::string& model, const std::string& data,
               const std::string& out) const {
    const Recipe whole = recipe(sample, model, data, out);
    Bits bits = run(whole, false);
    for (const auto& [name, tensor] : predict(whole).outputs) {
      bits.predicted.push_back(tensor.values<double>());
    }
    GradientOptions options;
    options.inputs = true;
    for (const auto& [name, tensor] : compute_gradients(whole, options).tensors) {
      bits.gradients.push_back(tensor.values<double>());
    }
    return bits;
  }

  void check(const Sample& sample) const {
    const std::string file = std::filesystem::path(sample.model).filename().string();
    const auto names = renaming({sample.model}, GetParam().names());
    std::map<std::string, std::string> same;
    for (const auto& [old_name, new_name] : names) {
      same[old_name] = old_name;
    }
    for (const char* form : {"plain", "renamed"}) {
      std::filesystem::create_directories(folder_.path(form));
      if (std::filesystem::exists(sample.model + ".data")) {
        std::filesystem::copy_file(sample.model + ".data",
                                   folder_.path(concat(form, "/", file, ".data")));
      }
    }
    const std::string plain = folder_.path("plain/" + file);
    const std::string renamed = folder_.path("renamed/" + file);
    std::filesystem::copy_file(sample.model, plain);
    write_renamed(sample.model, renamed, names);
    write_rows(sample.data, folder_.path("plain.npz"), sample.rows, same, sample.wild);
    write_rows(sample.data, folder_.path("renamed.npz"), sample.rows, names, sample.wild);
    const Bits expected = measure(sample, plain, folder_.path("plain.npz"), "before");
    const Bits actual = measure(sample, renamed, folder_.path("renamed.npz"), "after");
    EXPECT_EQ(expected.losses, actual.losses);
    EXPECT_EQ(expected.predicted, actual.predicted);
    EXPECT_EQ(expected.gradients, actual.gradients);
    EXPECT_EQ(expected.messages, actual.messages);
    expect_histograms(folder_.path("after"), renamed);
    expect_equal(expected, actual);
    EXPECT_GT(actual.skipped, 0);
    EXPECT_NE(actual.log.find("\"opt/rollbacks\""), std::string::npos) << actual.log;
    const Recipe cut = recipe(sample, renamed, folder_.path("renamed.npz"), "cut");
    run(cut, false, 5);
    expect_equal(actual, run(cut, true));
  }
};

TEST_P(RenamedModel, TrainsResumesAndRollsBackAsTheDigitsSample) {
  check({sample("digits/digits.onnx"),
         sample("digits/digits.npz"),
         100,
         30,
         {"loss.name=\"cross_entropy\"", "loss.teacher"}});
}

TEST_P(RenamedModel, TrainsResumesAndRollsBackAsTheRegressionSample) {
  check({sample("regression/regression.onnx"),
         sample("regression/regression.npz"),
         100,
         30,
         {"loss.name=\"mse\"", "optimizer.name=\"nadam\""}});
}

TEST_P(RenamedModel, TrainsResumesAndRollsBackWithStatisticsAndDropout) {
  write_tiny_model(folder_.path("tiny.onnx"));
  write_tiny_data(folder_.path("rows.npz"), 60, 5);
  check({folder_.path("tiny.onnx"),
         folder_.path("rows.npz"),
         60,
         -1,
         {"train.spike_factor=1.05"}});  // its normalisation levels what a row does
}

class RenamedGan : public Renamed {
 protected:
  Recipe recipe(const std::string& models, const std::string& out) const {
    RecipeSources sources;
    sources.file = sample("digits_gan/digits_gan.toml");
    sources.overrides = {concat("models.generator.path=\"", models, "/generator.onnx\""),
                         concat("models.discriminator.path=\"", models, "/discriminator.onnx\""),
                         concat("data.train=\"", models, "/train.npz\""),
                         concat("train.out=\"", folder_.path(out), "\""),
                         "average.kind=\"ema\"",
                         "data.batch_size=8",
                         "train.steps=4",
                         "train.threads=1",
                         "log.every=1",
                         "log.tensorboard=false",
                         "adversarial.samples_every=2",
                         "adversarial.sample_grid=2"};
    return read_recipe(sources);
  }
};

TEST_P(RenamedGan, TrainsAndResumesAsTheSample) {
  const Lines files = {sample("digits_gan/generator.onnx"),
                       sample("digits_gan/discriminator.onnx")};
  const auto names = renaming(files, GetParam().names());
  std::map<std::string, std::string> same;
  for (const auto& [old_name, new_name] : names) {
    same[old_name] = old_name;
  }
  for (const char* form : {"plain", "renamed"}) {
    const bool renames = std::string(form) == "renamed";
    std::filesystem::create_directories(folder_.path(form));
    for (const char* model : {"generator.onnx", "discriminator.onnx"}) {
      write_renamed(sample(concat("digits_gan/", model)), folder_.path(concat(form, "/", model)),
                    renames ? names : same);
    }
    write_rows(sample("digits/digits.npz"), folder_.path(concat(form, "/train.npz")), 64,
               renames ? names : same, -1);
  }
  const GanRecord expected = run_tiny_gan(recipe(folder_.path("plain"), "before"), false);
  const GanRecord actual = run_tiny_gan(recipe(folder_.path("renamed"), "after"), false);
  EXPECT_EQ(expected.losses, actual.losses);
  EXPECT_EQ(expected.samples, actual.samples);
  EXPECT_EQ(expected.log, actual.log);
  EXPECT_EQ(weights_of(expected.result.generator), weights_of(actual.result.generator));
  EXPECT_EQ(weights_of(expected.result.discriminator), weights_of(actual.result.discriminator));
  const Recipe cut = recipe(folder_.path("renamed"), "cut");
  run_tiny_gan(cut, false, 2);
  const GanRecord resumed = run_tiny_gan(cut, true);
  EXPECT_EQ(actual.variables, resumed.variables);
  EXPECT_EQ(actual.log, resumed.log);
  EXPECT_EQ(actual.generator, resumed.generator);
  EXPECT_EQ(actual.discriminator, resumed.discriminator);
}

const NameList kLists[] = {
    {"InternalNames", internal_names}, {"TurnedNames", turned_names}, {"OddNames", odd_names}};
std::string list_name(const testing::TestParamInfo<NameList>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Names, RenamedModel, testing::ValuesIn(kLists), list_name);
INSTANTIATE_TEST_SUITE_P(Names, RenamedGan, testing::ValuesIn(kLists), list_name);

}  // namespace
}  // namespace temper::training
