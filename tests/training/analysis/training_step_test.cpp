// The step as a file computes what training does: its graph, run node by node, beside a run.
#include "training/analysis/training_step.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>

#include "backends/backends.h"
#include "graph/ir/op_def.h"
#include "graph/onnx/step_file.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using test::expect_error;

constexpr std::int64_t kSteps = 20;
constexpr std::int64_t kRows = 8;

struct TinyFiles {
  TempFolder folder;
  std::string model = folder.path("m.onnx"), data = folder.path("d.npz");

  explicit TinyFiles(const TinyModel& options) {
    write_tiny_model(model, options);
    write_tiny_data(data, kSteps * kRows, 5);
  }
  Recipe recipe(std::vector<std::string> lines) const {
    for (const char* line : {"data.shuffle=false", "data.batch_size=8", "train.steps=20",
                             "train.device=reference", "data.val_split=0"}) {
      lines.emplace_back(line);
    }
    return tiny_recipe(model, data, folder.path("run"), lines);
  }
};

Tensor rows_of(const Tensor& all, std::int64_t first) {
  Shape shape = all.shape();
  const auto row = static_cast<std::size_t>(all.bytes() / shape[0]);
  shape[0] = kRows;
  Tensor part(all.dtype(), shape);
  std::memcpy(part.data(), static_cast<const std::byte*>(all.data()) + row * first, row * kRows);
  return part;
}

std::vector<double> floats_of(const PlainValue& value) {
  std::vector<double> values;
  value.for_each_piece([&](std::span<const std::byte> piece) {
    for (std::size_t at = 0; at < piece.size(); at += sizeof(float)) {
      float number = 0;
      std::memcpy(&number, piece.data() + at, sizeof number);
      values.push_back(number);
    }
  });
  return values;
}

// The largest difference of a parameter after the same steps, in the file's graph and in a run.
double difference_of(const Recipe& recipe, const std::string& data) {
  std::map<std::string, std::vector<double>> trained;
  run_tiny(recipe, false, [&](const StepView& view) {
    for (const auto& [name, value] : view.session.engine().model_values()) {
      trained[name] = floats_of(value);
    }
    return false;
  });
  Session session(recipe);
  const TrainingStep made = make_training_step(session);
  const graph::Graph& step = made.graph;
  const auto reference = make_backend("reference");
  const NpzFile file(data);
  std::map<graph::ValueId, Tensor> known;
  std::map<int, graph::ValueId> reads;
  for (int i = 0; i < step.value_count(); ++i) {
    const graph::Value& value = step.value(graph::ValueId{i});
    if (value.kind == graph::ValueKind::kVariable) {
      reads[value.variable.index] = graph::ValueId{i};
    }
  }
  std::vector<graph::ValueId> wanted;
  for (const graph::UpdateBinding& update : step.updates) {
    wanted.push_back(update.value);
  }
  for (std::int64_t at = 0; at < kSteps; ++at) {
    for (const graph::ValueId id : step.inputs) {
      known[id] = rows_of(file.read(step.value(id).name), at * kRows);
    }
    const std::vector<Tensor> next = graph::evaluate(step, *reference, known, wanted);
    for (std::size_t i = 0; i < next.size(); ++i) {
      known[reads.at(step.updates[i].variable.index)] = next[i];
    }
  }
  double most = 0;
  for (const graph::UpdateBinding& update : step.updates) {
    const auto found = trained.find(step.variable(update.variable).name);
    if (found == trained.end()) {
      continue;
    }
    const auto got = known.at(reads.at(update.variable.index)).values<double>();
    for (std::size_t i = 0; i < got.size(); ++i) {
      most = std::max(most, std::abs(got[i] - found->second[i]));
    }
  }
  return most;
}

TEST(StandardStep, ComputesWhatTrainingDoes) {
  for (const std::vector<std::string>& lines : std::vector<std::vector<std::string>>{
           {"optimizer.name=sgd", "optimizer.lr=0.05", "clip.norm=0.3"},
           {"optimizer.name=sgd", "optimizer.lr=0.02", "optimizer.momentum=0.9",
            "optimizer.nesterov=true", "optimizer.weight_decay=0.01", "clip.norm=0.5"},
           // In front of a normalisation the gradient of a bias is rounding alone, of which Adam
           // makes whole steps.
           {"optimizer.name=adam", "optimizer.lr=0.003", "optimizer.amsgrad=true",
            "optimizer.maximize=true", "model.freeze=[\"b1\"]"},
           {"optimizer.name=adamw", "optimizer.lr=0.003", "schedule.name=cosine",
            "schedule.warmup=5 steps", "clip.norm=0.5", "model.freeze=[\"b1\"]"},
           {"optimizer.name=adamw", "optimizer.lr=0.003", "schedule.name=one_cycle",
            "schedule.max_lr=0.01", "model.freeze=[\"b1\"]"}}) {
    const TinyFiles files({.dropout = 0});
    EXPECT_LT(difference_of(files.recipe(lines), files.data), 2e-6) << lines[0];
  }
}

TEST(StandardStep, DropsWhatTrainingDrops) {
  const TinyFiles files({.dropout = 0.3});
  EXPECT_LT(difference_of(files.recipe({"optimizer.name=sgd", "optimizer.lr=0.05"}), files.data),
            2e-6);
}

TEST(StandardStep, IsWrittenAloneAndBesideTheModel) {
  const TinyFiles files({.dropout = 0});
  const Recipe recipe = files.recipe({"optimizer.name=adamw"});
  const std::string flat = files.folder.path("flat.onnx"), beside = files.folder.path("t.onnx");
  const TrainingStepReport report = write_training_step(recipe, flat, {.flat = true});
  EXPECT_EQ(report.batch, kRows);
  EXPECT_EQ(report.parameters, 8);  // w1, b1, w2, b2 and four of BatchNormalization
  EXPECT_EQ(report.states, 13);     // two moments of six parameters, the number of steps
  EXPECT_EQ(report.rate_steps, 1);
  const auto alone = graph::OnnxModel::load(flat);
  EXPECT_FALSE(graph::has_training_info(alone));
  EXPECT_EQ(alone.inputs().size(), 2u);  // those without an initializer
  EXPECT_EQ(alone.outputs().size(), 3u + 21u);
  for (const auto& [op, count] : alone.op_counts()) {
    const graph::OpDef* known = graph::standard_ops().find_imported(op);
    EXPECT_TRUE(known != nullptr && !known->is_internal) << op;
  }
  write_training_step(recipe, beside, {});
  const auto model = graph::OnnxModel::load(beside);
  EXPECT_TRUE(graph::has_training_info(model));
  EXPECT_EQ(model.inputs().size(), 1u);
  EXPECT_EQ(model.outputs().size(), 1u);
}

TEST(StandardStep, NamesAllThatHasNoFormInOneStep) {
  const TinyFiles files({.dropout = 0});
  const Recipe recipe = files.recipe({"train.accumulate=2", "average.kind=ema"});
  const std::string out = files.folder.path("no.onnx");
  for (const char* part : {"no train.accumulate", "no [average]"}) {
    expect_error(ErrorCode::kUnsupported, part, [&] { write_training_step(recipe, out, {}); });
  }
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(StandardStep, ListsOperatorsWithoutAStandardForm) {
  const TinyFiles files({.dropout = 0});
  const Recipe recipe = files.recipe({"optimizer.name=lion", "clip.agc=0.1"});
  for (const char* part : {"AdaptiveClip", "LionUpdate"}) {
    expect_error(ErrorCode::kUnsupported, part,
                 [&] { write_training_step(recipe, files.folder.path("no.onnx"), {}); });
  }
}

}  // namespace
}  // namespace temper::training
