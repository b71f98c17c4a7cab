// Runs on the CPU and on the emulated device, side by side: the fixture of such tests, and how near
// the two must be.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/device_under_test.h"
#include "tests/training/support/tiny_gan.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {

inline const std::string kDevice = test::device_under_test();

class EmulatedRuns : public testing::Test {
 protected:
  void SetUp() override;

  TempFolder folder_;
};

// Differences allowed. Both devices round differently, and what that does grows with the steps.
struct Nearness {
  double first = 1e-5;    // of what is logged for the first ten steps, relative above 1
  double later = 1e-4;    // of what is logged after them
  double weights = 1e-4;  // of each tensor of the trained model, by norm
  double outputs = 1e-5;  // of its predictions, by norm
};

// Each line of two logs, key by key: numbers near, all else equal.
void expect_near_logs(const std::string& cpu, const std::string& device, const Nearness& nearness);

// Float tensors of a model file, by name.
std::map<std::string, std::vector<double>> tensors_of(const std::string& model);
// `tolerance`: of each tensor's norm, or of the model's for one that is small beside it.
void expect_near_models(const std::string& cpu, const std::string& device, double tolerance);

// Losses, logs, counts and the trained models of two runs.
void expect_near_runs(const RunRecord& cpu, const RunRecord& device, const Nearness& nearness = {});
void expect_near_gans(const GanRecord& cpu, const GanRecord& device, const Nearness& nearness = {});

// sqrt(sum (a - b)^2) and sqrt(sum a^2). REQUIRES: as many of both.
double distance(const std::vector<double>& a, const std::vector<double>& b);
double norm_of(const std::vector<double>& values);

}  // namespace temper::training
