// The fixture of the tests of single steps: a small model, its data, and what training makes of it.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/session/session.h"

namespace temper::training {

using Lines = std::vector<std::string>;
using Values = std::map<std::string, std::vector<double>>;

class TrainingStep : public testing::Test {
 protected:
  TrainingStep() {
    TinyModel plain;
    plain.batchnorm = false;
    plain.dropout = 0;
    write_tiny_model(folder_.path("plain.onnx"), plain);
    write_tiny_model(folder_.path("full.onnx"));
    write_tiny_data(folder_.path("train.npz"), 36, 5);
  }

  // SGD with a rate of 1, if nothing else is said, in the order of the file.
  Recipe recipe(const std::string& model, const Lines& lines) const {
    Lines all = {"optimizer.name=\"sgd\"", "optimizer.lr=1.0", "data.shuffle=false"};
    all.insert(all.end(), lines.begin(), lines.end());
    return tiny_recipe(folder_.path(model), folder_.path("train.npz"), folder_.path("run"), all);
  }

  struct Trained {
    Values variables;
    std::vector<double> losses;
    double norm = 0;  // of the last step
  };

  Trained train(const Recipe& recipe) const {
    std::filesystem::remove_all(folder_.path("run"));
    Trained trained;
    const RunRecord record = run_tiny(recipe, false, [&](const StepView& view) {
      const VariableStore& store = view.session.engine().store();
      for (int i = 0; i < store.count(); ++i) {
        // NaN stands for "the optimizer's own".
        if (store.variable(i).identity.scalar != ScalarRole::kRates) {
          trained.variables[store.variable(i).name] = store.get(i).values<double>();
        }
      }
      return false;
    });
    trained.losses = record.losses;
    const std::size_t at = record.log.rfind("\"opt/grad_norm\":");
    trained.norm = std::stod(record.log.substr(at + 16));
    return trained;
  }

  TempFolder folder_;
};

inline Values initial_values() {
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  return {{"w1", doubles(tiny_values(8 * kTinyInputs, 1))},
          {"b1", doubles(tiny_values(8, 2))},
          {"w2", doubles(tiny_values(8 * kTinyClasses, 3))},
          {"b2", doubles(tiny_values(kTinyClasses, 4))}};
}

inline const std::vector<std::string> kParameters = {"w1", "b1", "w2", "b2"};

inline void expect_near(const Values& a, const Values& b, double tolerance) {
  for (const std::string& name : kParameters) {
    ASSERT_EQ(a.at(name).size(), b.at(name).size());
    for (std::size_t i = 0; i < a.at(name).size(); ++i) {
      EXPECT_NEAR(a.at(name)[i], b.at(name)[i], tolerance) << name << " " << i;
    }
  }
}

// The gradient of a first SGD step with rate 1 is the difference of the parameters.
inline Values gradient_of(const Values& after) {
  const Values before = initial_values();
  Values gradient;
  for (const std::string& name : kParameters) {
    for (std::size_t i = 0; i < before.at(name).size(); ++i) {
      gradient[name].push_back(before.at(name)[i] - after.at(name)[i]);
    }
  }
  return gradient;
}

}  // namespace temper::training
