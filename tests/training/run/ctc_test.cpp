// The ctc loss in a run: a small model learns to write sequences down whose places it is not told,
// in both layouts and with lengths; and what is refused of the data.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "runtime/base/error.h"
#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/analysis/gradients.h"
#include "training/analysis/prediction.h"
#include "training/formats/npz.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRows = 48;
constexpr std::int64_t kFrames = 9;
constexpr std::int64_t kSigns = 3;  // labels 1 to 3; 0 is the blank
constexpr std::int64_t kLabels = 3;

// Sequences of 1 to 3 signs. Each lasts for two frames with its own feature up, and a frame of
// silence follows; all in some noise.
struct Signs {
  std::vector<float> x = tiny_values(kRows * kFrames * kSigns, 7);
  std::vector<std::int64_t> target, lengths;

  Signs() {
    for (float& value : x) {
      value *= 0.3F;
    }
    for (std::int64_t row = 0; row < kRows; ++row) {
      const std::int64_t count = 1 + row % kLabels;
      for (std::int64_t i = 0; i < kLabels; ++i) {
        const std::int64_t sign = (row / kLabels + row * i) % kSigns;
        target.push_back(i < count ? sign + 1 : -1);
        for (std::int64_t t = 3 * i; t < 3 * i + 2 && i < count; ++t) {
          x[static_cast<std::size_t>((row * kFrames + t) * kSigns + sign)] += 1.0F;
        }
      }
      lengths.push_back(3 * count);
    }
  }
};

std::vector<std::vector<std::int64_t>> sequences_of(const std::vector<std::int64_t>& target) {
  std::vector<std::vector<std::int64_t>> made(kRows);
  for (std::size_t i = 0; i < target.size(); ++i) {
    if (target[i] >= 0) {
      made[i / kLabels].push_back(target[i]);
    }
  }
  return made;
}

// The likeliest class of each frame, without repetitions and blanks.
std::vector<std::vector<std::int64_t>> decoded(const Tensor& scores) {
  const std::vector<double> values = scores.values<double>();
  constexpr std::size_t kClasses = kSigns + 1;
  std::vector<std::vector<std::int64_t>> made;
  for (std::size_t row = 0; row < kRows; ++row) {
    made.emplace_back();
    std::int64_t before = 0;
    for (std::size_t t = 0; t < kFrames; ++t) {
      const auto frame =
          values.begin() + static_cast<std::ptrdiff_t>((row * kFrames + t) * kClasses);
      const std::int64_t best = std::max_element(frame, frame + kClasses) - frame;
      if (best != 0 && best != before) {
        made.back().push_back(best);
      }
      before = best;
    }
  }
  return made;
}

class Ctc : public testing::Test {
 protected:
  Ctc() {
    using namespace temper::test;
    write_model("model.onnx", true);
    write_data(signs_.target, signs_.lengths);
  }

  // x [N, 9, 3] -> a layer of 8 -> scores [N, 9, 4], or [9, N, 4].
  void write_model(const std::string& name, bool batch_first) {
    using namespace temper::test;
    constexpr std::int64_t kHidden = 8;
    ModelParts parts;
    parts.inputs = {value_info("x", {-1, kFrames, kSigns})};
    parts.initializers = {
        floats("w1", {kSigns, kHidden}, tiny_values(kSigns * kHidden, 1)),
        floats("b1", {kHidden}, tiny_values(kHidden, 2)),
        floats("w2", {kHidden, kSigns + 1}, tiny_values(kHidden * (kSigns + 1), 3)),
        floats("b2", {kSigns + 1}, tiny_values(kSigns + 1, 4))};
    parts.nodes = {node("MatMul", {"x", "w1"}, {"m"}, {}, "first"),
                   node("Add", {"m", "b1"}, {"h"}, {}, "first_bias"),
                   node("Relu", {"h"}, {"a"}, {}, "relu"),
                   node("MatMul", {"a", "w2"}, {"n"}, {}, "second"),
                   node("Add", {"n", "b2"}, {batch_first ? "y" : "z"}, {}, "second_bias")};
    parts.outputs = {value_info("y", batch_first
                                         ? std::vector<std::int64_t>{-1, kFrames, kSigns + 1}
                                         : std::vector<std::int64_t>{kFrames, -1, kSigns + 1})};
    if (!batch_first) {
      parts.nodes.push_back(
          node("Transpose", {"z"}, {"y"}, {ints_attribute("perm", {1, 0, 2})}, "time_first"));
    }
    std::ofstream(folder_.path(name), std::ios::binary) << parts.bytes();
  }

  void write_data(const std::vector<std::int64_t>& target,
                  const std::vector<std::int64_t>& lengths) {
    write_npz(folder_.path("data.npz"),
              {{"x", Tensor::from<float>(DType::kFloat32, {kRows, kFrames, kSigns}, signs_.x)},
               {"target", Tensor::from<std::int64_t>(DType::kInt64, {kRows, kLabels}, target)},
               {"frames", Tensor::from<std::int64_t>(DType::kInt64, {kRows}, lengths)}});
  }

  Recipe recipe(std::vector<std::string> lines = {}, const std::string& model = "model.onnx") {
    std::vector<std::string> all = {"loss.name=\"ctc\"", "train.epochs=40", "data.batch_size=10",
                                    "optimizer.lr=0.02"};
    all.insert(all.end(), lines.begin(), lines.end());
    return tiny_recipe(folder_.path(model), folder_.path("data.npz"), folder_.path("run"), all);
  }

  std::string problem(std::vector<std::string> lines = {}) {
    try {
      compute_gradients(recipe(std::move(lines)), {});
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  }

  Signs signs_;
  TempFolder folder_;
};

TEST_F(Ctc, LearnsToWriteSequencesDown) {
  const RunRecord record = run_tiny(recipe(), false);
  EXPECT_LT(record.losses.back(), 0.05 * record.losses.front());
  Recipe trained = recipe();
  trained.model.path = record.result.last_model;
  const std::vector<NamedTensor> outputs = predict(trained).outputs;
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(decoded(outputs.front().second), sequences_of(signs_.target));
}

TEST_F(Ctc, IsTheSameForTimeFirstAndForAllLengthsGiven) {
  write_data(signs_.target, std::vector<std::int64_t>(kRows, kFrames));
  write_model("time_first.onnx", false);
  const Gradients plain = compute_gradients(recipe(), {});
  const Gradients lengths = compute_gradients(recipe({"loss.input_lengths=\"frames\""}), {});
  const Gradients time_first =
      compute_gradients(recipe({"loss.batch_first=false"}, "time_first.onnx"), {});
  EXPECT_EQ(lengths.loss, plain.loss);
  EXPECT_EQ(time_first.loss, plain.loss);
  for (std::size_t i = 0; i < plain.tensors.size(); ++i) {
    const std::vector<double> wanted = plain.tensors[i].second.values<double>();
    EXPECT_EQ(lengths.tensors[i].second.values<double>(), wanted);
    const std::vector<double> values = time_first.tensors[i].second.values<double>();
    for (std::size_t k = 0; k < wanted.size(); ++k) {
      EXPECT_NEAR(values[k], wanted[k], 1e-6);
    }
  }
}

TEST_F(Ctc, FramesBehindTheLengthDoNotCount) {
  const Recipe settings = recipe({"loss.input_lengths=\"frames\""});
  const double before = compute_gradients(settings, {}).loss;
  for (std::size_t row = 0; row < kRows; ++row) {
    const auto first = static_cast<std::size_t>(signs_.lengths[row] * kSigns);
    for (std::size_t i = first; i < kFrames * kSigns; ++i) {
      signs_.x[row * kFrames * kSigns + i] = 0.7F;
    }
  }
  write_data(signs_.target, signs_.lengths);
  EXPECT_EQ(compute_gradients(settings, {}).loss, before);
  EXPECT_NE(compute_gradients(recipe(), {}).loss, before);
}

TEST_F(Ctc, RefusesDataItCannotLearn) {
  std::vector<std::int64_t> target = signs_.target;
  target[1] = 9;
  write_data(target, signs_.lengths);
  EXPECT_NE(problem().find("row 0, element [1]: the label is 9; the model has 4 classes"),
            std::string::npos)
      << problem();
  target[1] = 0;
  write_data(target, signs_.lengths);
  EXPECT_NE(problem().find("the blank, which stands for no label"), std::string::npos) << problem();
  target[1] = -1;
  target[2] = 2;
  write_data(target, signs_.lengths);
  EXPECT_NE(problem().find("stands behind the padding -1 of element 1"), std::string::npos)
      << problem();

  std::vector<std::int64_t> lengths = signs_.lengths;
  lengths[5] = 10;
  write_data(signs_.target, lengths);
  const std::string with_lengths = "loss.input_lengths=\"frames\"";
  EXPECT_NE(problem({with_lengths}).find("row 5: 10 frames; the model's output has 9"),
            std::string::npos)
      << problem({with_lengths});
  lengths[5] = 2;
  write_data(signs_.target, lengths);
  EXPECT_NE(problem({with_lengths}).find("do not fit into 2 frames"), std::string::npos)
      << problem({with_lengths});
  EXPECT_EQ(problem({with_lengths, "loss.zero_infinity=true"}), "no error");
  EXPECT_NE(problem({"loss.input_lengths=\"nothing\""}).find("'nothing'"), std::string::npos)
      << problem({"loss.input_lengths=\"nothing\""});
  EXPECT_NE(problem({"loss.blank=4"}).find("loss.blank is 4, but the model has 4 classes"),
            std::string::npos)
      << problem({"loss.blank=4"});
}

}  // namespace
}  // namespace temper::training
