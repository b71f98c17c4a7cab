// The fixture of tests that run the tiny model: the model, training and validation data, and
// recipes of runs in a folder of their own.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {

class TinyRuns : public testing::Test {
 protected:
  // The steps of the rows named in `bad` are not finite.
  explicit TinyRuns(const TinyModel& model = {true, 0.0},
                    const std::vector<std::int64_t>& bad = {}) {
    write_tiny_model(folder_.path("tiny.onnx"), model);
    write_tiny_data(folder_.path("train.npz"), 38, 5, bad);
    write_tiny_data(folder_.path("val.npz"), 10, 6);
  }

  Recipe recipe(const std::string& out, std::vector<std::string> lines = {}) const {
    lines.push_back("data.val=\"" + folder_.path("val.npz") + "\"");
    return tiny_recipe(folder_.path("tiny.onnx"), folder_.path("train.npz"), folder_.path(out),
                       lines);
  }

  TempFolder folder_;
};

}  // namespace temper::training
