// Small adversarial runs for the tests: a generator and a discriminator of two linear layers each,
// and a run whose every bit is recorded.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"
#include "training/adversarial/adversarial_trainer.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// z[batch, 3] -> Gemm, BatchNormalization (bn.*), Relu, Gemm -> x[batch, 6]
void write_tiny_generator(const std::string& path);
// x[batch, 6] -> Gemm, LeakyRelu, Dropout, Gemm -> score[batch, 1]; with `batchnorm`, it stands
// behind the first Gemm.
void write_tiny_discriminator(const std::string& path, bool batchnorm = false);

// A recipe in code: batches of 4, one thread, Adam with lr 0.01 for both.
Recipe tiny_gan_recipe(const std::string& folder, const std::string& out,
                       const std::vector<std::string>& lines = {});

struct GanRecord {
  AdversarialResult result;
  std::string variables;  // SHA-256 of all variables, names included
  std::string log;        // metrics.jsonl without the keys perf/...
  std::string generator;  // the file's bytes
  std::string discriminator;
  std::vector<std::string> messages;
  std::vector<std::vector<double>> samples;
  std::vector<double> losses;  // the generator's, of each iteration of this process
};

// `stop_after`: iterations after which the run is asked to stop; 0: never.
GanRecord run_tiny_gan(const Recipe& recipe, bool resume, std::int64_t stop_after = 0,
                       EngineOptions options = {}, std::int64_t late = 0);

// A folder with both models and 38 rows of data, and recipes for them.
class TinyGans : public testing::Test {
 protected:
  TinyGans() {
    write_tiny_generator(folder_.path("generator.onnx"));
    write_tiny_discriminator(folder_.path("discriminator.onnx"));
    write_tiny_data(folder_.path("train.npz"), 38, 5);
  }

  Recipe recipe(const std::string& out, const std::vector<std::string>& lines = {}) const {
    return tiny_gan_recipe(folder_.path("."), out, lines);
  }

  TempFolder folder_;
};

}  // namespace temper::training
