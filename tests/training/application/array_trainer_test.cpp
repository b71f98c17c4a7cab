// Training on arrays in memory against runs over the same data in a file, bit by bit.
#include "training/application/array_trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "graph/ops/standard_ops.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

using Lines = std::vector<std::string>;

class ArrayTrainerTest : public testing::Test {
 protected:
  ArrayTrainerTest() {
    write_tiny_model(model_);
    write_tiny_data(data_, 24, 5);
    const NpzFile file(data_);
    all_ = {{"x", file.read("x")}, {"target", file.read("target")}};
  }

  Recipe recipe(const Lines& lines = {}) const {
    return tiny_recipe(model_, data_, folder_.path("run"), lines);
  }
  Recipe for_arrays(const Lines& lines = {}) const {
    Recipe made = recipe(lines);
    made.data.train.clear();
    return made;
  }
  ArrayTrainer open(const Lines& lines = {}, ArrayUse use = ArrayUse::kTrain) {
    return ArrayTrainer(for_arrays(lines), all_, observer_, use);
  }

  // Rows begin..end of both arrays.
  NamedArrays rows(std::int64_t begin, std::int64_t end) const {
    NamedArrays part;
    for (const auto& [name, array] : all_) {
      Shape shape = array.shape();
      shape[0] = end - begin;
      const std::int64_t row = array.bytes() / array.shape()[0];
      const auto* first = static_cast<const std::byte*>(array.data()) + row * begin;
      Tensor copy(array.dtype(), shape);
      std::memcpy(copy.data(), first, static_cast<std::size_t>(copy.bytes()));
      part.emplace_back(name, std::move(copy));
    }
    return part;
  }
  static void expect_equal(const ArrayTrainer& trainer, const std::string& model) {
    const auto file = graph::OnnxModel::load(model).build_graph(graph::standard_ops());
    for (const ModelTensor& tensor : trainer.tensors()) {
      const Tensor saved = graph::initial_value(file.variable(file.find_variable(tensor.name)));
      EXPECT_TRUE(equal_bits(trainer.tensor(tensor.name), saved)) << tensor.name;
    }
  }

  TempFolder folder_;
  const std::string model_ = folder_.path("tiny.onnx");
  const std::string data_ = folder_.path("train.npz");
  NamedArrays all_;
  RunObserver observer_;
};

std::vector<double> losses_of(ArrayTrainer& trainer, const NamedArrays& set, std::int64_t steps) {
  std::vector<double> losses;
  trainer.train(set, steps, [&](const ArrayStep& step) {
    losses.push_back(step.loss);
    return true;
  });
  return losses;
}

template <class F>
void refuses(ErrorCode code, const char* part, const F& act) {
  expect_error(act, code, part);
}

TEST_F(ArrayTrainerTest, TrainsWithTheBitsOfARunOverTheSameData) {
  for (const Lines& lines :
       {Lines{}, Lines{"data.shuffle=false", "train.accumulate=2"},
        Lines{"schedule.name=\"cosine\"", "clip.norm=0.5", "data.batch_size=5"},
        Lines{"average.kind=\"ema\"", "average.decay=0.9", "data.drop_last=true"}}) {
    TempFolder elsewhere;
    Lines of_run = lines;
    of_run.push_back("train.out=\"" + elsewhere.path("run") + "\"");
    const RunRecord run = run_tiny(recipe(of_run), false);
    ArrayTrainer trainer = open(lines);
    const std::vector<double> losses = losses_of(trainer, all_, run.result.steps);
    ASSERT_EQ(losses.size(), run.losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      // Labels that are left out may come, so the mean is by a sum of weights.
      EXPECT_NEAR(losses[i], run.losses[i], 1e-6);
    }
    EXPECT_EQ(hash_of_variables(trainer.session().engine().store()), run.variables);
  }
}

TEST_F(ArrayTrainerTest, AStepOnGivenRowsIsAStepOverThem) {
  ArrayTrainer whole = open({"data.shuffle=false"});
  ArrayTrainer single = open({"data.shuffle=false"});
  const std::vector<double> losses = losses_of(whole, all_, 6);
  for (std::int64_t i = 0; i < 6; ++i) {
    const ArrayStep step = single.step(rows(4 * i, 4 * i + 4));
    EXPECT_EQ(step.loss, losses[static_cast<std::size_t>(i)]);
    EXPECT_EQ(step.number, i + 1);
    EXPECT_TRUE(step.applied);
    EXPECT_EQ(step.lr, 0.01);
  }
  EXPECT_EQ(hash_of_variables(single.session().engine().store()),
            hash_of_variables(whole.session().engine().store()));
}

TEST_F(ArrayTrainerTest, AStepIsCutIntoPartsThatAccumulate) {
  ArrayTrainer whole = open({"data.shuffle=false", "train.accumulate=2"});
  ArrayTrainer single = open({"data.shuffle=false", "train.accumulate=2"});
  const std::vector<double> losses = losses_of(whole, all_, 1);
  EXPECT_EQ(single.step(rows(0, 8)).loss, losses[0]);
  EXPECT_EQ(hash_of_variables(single.session().engine().store()),
            hash_of_variables(whole.session().engine().store()));
}

TEST_F(ArrayTrainerTest, ACheckpointGoesOnWithTheSameBits) {
  const Lines lines = {"schedule.name=\"cosine\"", "average.kind=\"ema\""};
  ArrayTrainer first = open(lines);
  losses_of(first, all_, 6);
  first.save_checkpoint(folder_.path("saved"));
  ArrayTrainer second = open(lines);
  second.load_checkpoint(folder_.path("saved"));
  EXPECT_EQ(second.steps(), 6);
  EXPECT_EQ(losses_of(second, all_, 5), losses_of(first, all_, 5));
  EXPECT_EQ(hash_of_variables(second.session().engine().store()),
            hash_of_variables(first.session().engine().store()));
}

TEST_F(ArrayTrainerTest, PredictsAndMeasuresAsTheSavedFileDoes) {
  ArrayTrainer trainer = open();
  losses_of(trainer, all_, 10);
  const std::string saved = folder_.path("saved.onnx");
  trainer.save_model(saved);
  expect_equal(trainer, saved);
  Recipe of_file = recipe();
  of_file.model.path = saved;
  const Prediction expected = predict(of_file);
  const NamedArrays outputs = trainer.predict(all_);
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].first, "y");
  EXPECT_EQ(outputs[0].second.values<float>(), expected.outputs[0].second.values<float>());
  const NamedArrays inputs = {all_.front()};
  EXPECT_EQ(trainer.predict(inputs)[0].second.values<float>(), outputs[0].second.values<float>());
  // The mean of -log softmax over the rows, and how often the largest output is the target's.
  const std::vector<float> y = outputs[0].second.values<float>();
  const std::vector<std::int64_t> target = all_[1].second.values<std::int64_t>();
  double loss = 0, right = 0;
  for (std::size_t row = 0; row < target.size(); ++row) {
    double sum = 0;
    std::size_t largest = 0;
    for (std::size_t c = 0; c < 3; ++c) {
      sum += std::exp(static_cast<double>(y[row * 3 + c]));
      largest = y[row * 3 + c] > y[row * 3 + largest] ? c : largest;
    }
    const auto wanted = static_cast<std::size_t>(target[row]);
    loss += std::log(sum) - static_cast<double>(y[row * 3 + wanted]);
    right += largest == wanted ? 1 : 0;
  }
  const Evaluation evaluation = trainer.evaluate(all_);
  EXPECT_NEAR(evaluation.loss, loss / 24, 1e-6);
  EXPECT_EQ(evaluation.metric("accuracy"), right / 24);
  EXPECT_EQ(evaluation.samples, 24);
}

TEST_F(ArrayTrainerTest, PredictsWithoutATarget) {
  const NamedArrays inputs = {all_.front()};
  ArrayTrainer trainer(for_arrays(), inputs, observer_, ArrayUse::kPredict);
  const Prediction expected = predict(recipe());
  EXPECT_EQ(trainer.predict(inputs)[0].second.values<float>(),
            expected.outputs[0].second.values<float>());
  refuses(ErrorCode::kInvalidArgument, "opened for prediction", [&] { trainer.step(all_); });
}

// The first rows have none that is left out, which the graphs must not rely on.
TEST_F(ArrayTrainerTest, LaterLabelsMayBeLeftOut) {
  ArrayTrainer trainer = open({"data.batch_size=24"});
  NamedArrays some = rows(0, 4);
  some[1].second =
      Tensor::from<std::int64_t>(DType::kInt64, {4}, std::vector<std::int64_t>{0, 1, -100, 0});
  NamedArrays counted = rows(0, 2);
  const double of_two = trainer.evaluate(counted).loss * 2 + trainer.evaluate(rows(3, 4)).loss;
  EXPECT_NEAR(trainer.evaluate(some).loss, of_two / 3, 1e-6);
}

TEST_F(ArrayTrainerTest, RefusesRowsThatDoNotFit) {
  ArrayTrainer trainer = open();
  NamedArrays bad = rows(0, 4);
  bad[1].second =
      Tensor::from<std::int64_t>(DType::kInt64, {4}, std::vector<std::int64_t>{0, 1, 3, 0});
  refuses(ErrorCode::kInvalidData, "array 'target', row 2", [&] { trainer.step(bad); });
  bad = rows(0, 4);
  bad[0].second = Tensor(DType::kFloat32, {4, 7});
  refuses(ErrorCode::kInvalidData, "array 'x'", [&] { trainer.step(bad); });
  bad[0].second = Tensor(DType::kFloat32, {4, 6});
  bad[0].second.span<float>()[8] = std::numeric_limits<float>::quiet_NaN();
  refuses(ErrorCode::kInvalidData, "row 1", [&] { trainer.evaluate(bad); });
  bad[0].second = Tensor(DType::kFloat32, {3, 6});
  refuses(ErrorCode::kInvalidData, "rows", [&] { trainer.step(bad); });
  refuses(ErrorCode::kInvalidData, "no array for the target",
          [&] { trainer.step({all_.front()}); });
  refuses(ErrorCode::kInvalidArgument, "no arrays", [&] { trainer.step({}); });
  EXPECT_EQ(trainer.steps(), 0);
}

TEST_F(ArrayTrainerTest, RefusesSettingsThatNeedADataSet) {
  for (const char* line :
       {"data.val_split=0.2", "schedule.name=\"plateau\"", "train.spike=\"skip\"",
        "augment.mixup=0.2", "data.sampling=\"balanced\""}) {
    refuses(ErrorCode::kUnsupported, "not for arrays in memory", [&] { open({line}); });
  }
  refuses(ErrorCode::kUnsupported, "data.train", [&] { ArrayTrainer(recipe(), all_, observer_); });
}

TEST_F(ArrayTrainerTest, TensorsAreReadAndWrittenByName) {
  ArrayTrainer trainer = open();
  const Tensor twos = Tensor::from<double>(DType::kFloat64, {3}, std::vector<double>{2, 2, 2});
  trainer.set_tensor("b2", twos);
  EXPECT_EQ(trainer.tensor("b2").values<float>(), (std::vector<float>{2, 2, 2}));
  refuses(ErrorCode::kInvalidArgument, "did you mean 'bn.weight'",
          [&] { trainer.tensor("bn.weigth"); });
  refuses(ErrorCode::kInvalidArgument, "shape", [&] { trainer.set_tensor("w1", twos); });
  int statistics = 0;
  for (const ModelTensor& tensor : trainer.tensors()) {
    statistics += tensor.is_statistic ? 1 : 0;
  }
  EXPECT_EQ(statistics, 2);
}

TEST_F(ArrayTrainerTest, BatchesOfManySizesKeepABoundedNumberOfPlans) {
  ArrayTrainer trainer = open({"train.plan_cache=3"});
  for (std::int64_t size = 2; size <= 20; ++size) {
    trainer.step(rows(0, size));
  }
  EXPECT_LE(trainer.session().engine().plan_count(), 6);
}

}  // namespace
}  // namespace temper::training
