// ONNX's own backend node tests for the ops Temper has, on the reference backend and as plans of
// the cpu backend.
#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "tests/onnx_node/node_case.h"
#include "tests/onnx_node/node_run.h"

namespace temper::onnx_node {
namespace {

std::vector<NodeCase> cases(bool excluded) {
  std::vector<NodeCase> out;
  for (const NodeCase& one : selected_cases()) {
    if (one.excluded.empty() != excluded) {
      out.push_back(one);
    }
  }
  return out;
}

std::string case_name(const testing::TestParamInfo<NodeCase>& info) {
  std::string name = info.param.name;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

TEST(OnnxNodeCases, AreThere) {
  ASSERT_FALSE(selected_cases().empty())
      << "ONNX's node tests are not in '" << cases_folder() << "'; run tools/test_venv.sh";
}

TEST(OnnxNodeCases, ExclusionsNameCases) {
  for (const Exclusion& exclusion : exclusions()) {
    EXPECT_FALSE(exclusion.reason.empty()) << "excluded.txt, line " << exclusion.line;
    EXPECT_TRUE(std::any_of(selected_cases().begin(), selected_cases().end(),
                            [&](const NodeCase& one) {
                              return fnmatch(exclusion.pattern.c_str(), one.name.c_str(), 0) == 0;
                            }))
        << "excluded.txt, line " << exclusion.line << ": no case is named " << exclusion.pattern;
  }
}

class OnnxNode : public testing::TestWithParam<NodeCase> {};

TEST_P(OnnxNode, GivesTheOutputsOfOnnx) {
  EXPECT_EQ(run_case(GetParam(), Route::kReference), "") << "on the reference backend";
  EXPECT_EQ(run_case(GetParam(), Route::kPlan), "") << "as a plan of the cpu backend";
}

class ExcludedOnnxNode : public testing::TestWithParam<NodeCase> {};

TEST_P(ExcludedOnnxNode, StillFails) {
  const std::string reference = run_case(GetParam(), Route::kReference);
  const std::string plan = run_case(GetParam(), Route::kPlan);
  EXPECT_FALSE(reference.empty() && plan.empty())
      << "it passes: take it out of excluded.txt (" << GetParam().excluded << ")";
}

// Without the cases, or without exclusions; AreThere says what to do.
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(OnnxNode);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExcludedOnnxNode);
INSTANTIATE_TEST_SUITE_P(Case, OnnxNode, testing::ValuesIn(cases(false)), case_name);
INSTANTIATE_TEST_SUITE_P(Case, ExcludedOnnxNode, testing::ValuesIn(cases(true)), case_name);

}  // namespace
}  // namespace temper::onnx_node
