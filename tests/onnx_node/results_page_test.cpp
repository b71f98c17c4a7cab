// docs/onnx_node_tests.md says how ONNX's own node tests fare. It follows from the cases and
// excluded.txt alone, since a case must pass unless it is excluded, and must fail if it is. Written
// when TEMPER_UPDATE_REFERENCE=1 is set, compared otherwise.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <map>
#include <sstream>
#include <string>

#include "runtime/base/concat.h"
#include "tests/generated_page.h"
#include "tests/onnx_node/node_case.h"

namespace temper::onnx_node {
namespace {

struct Results {
  int passed = 0;
  std::map<std::string, int> excluded;  // by reason
};

std::string page() {
  std::map<std::string, Results> by_op;
  int passed = 0, excluded = 0;
  for (const NodeCase& one : selected_cases()) {
    Results& results = by_op[one.op];
    if (one.excluded.empty()) {
      ++results.passed;
      ++passed;
    } else {
      ++results.excluded[one.excluded];
      ++excluded;
    }
  }
  const std::map<std::string, int> others = cases_of_other_ops();
  int not_run = 0;
  for (const auto& [op, count] : others) {
    not_run += count;
  }
  std::ostringstream out;
  out << "# ONNX's node tests\n\nWritten by tests/onnx_node/results_page_test.cpp "
         "(TEMPER_UPDATE_REFERENCE=1 build/test_onnx_node --gtest_filter='ResultsPage*'); do not "
         "edit by hand.\n\nThe backend node tests that the package onnx (tests/requirements.txt) "
         "holds, each on the reference backend and as a plan of the cpu "
         "backend: "
      << passed << " pass, " << excluded << " are excluded, " << not_run
      << " are of operators that are not read (OPERATORS.md says why). A case that is excluded "
         "must fail: tests/onnx_node/excluded.txt cannot grow old.\n\n"
         "| operator | pass | excluded |\n|---|---|---|\n";
  for (const auto& [op, results] : by_op) {
    std::vector<std::string> reasons;
    for (const auto& [reason, count] : results.excluded) {
      reasons.push_back(concat(count, ": ", reason));
    }
    out << "| " << op << " | " << results.passed << " | " << join(reasons, "; ") << " |\n";
  }
  out << "\n## Operators that are not read\n\n| operator | cases |\n|---|---|\n";
  for (const auto& [op, count] : others) {
    out << "| " << op << " | " << count << " |\n";
  }
  return out.str();
}

TEST(ResultsPage, IsWhatTheCasesSay) {
  if (selected_cases().empty()) {
    GTEST_SKIP() << "ONNX's node tests are not in '" << cases_folder()
                 << "'; run tools/test_venv.sh";
  }
  test::expect_page(TEMPER_SOURCE_DIR, "docs/onnx_node_tests.md", page());
}

}  // namespace
}  // namespace temper::onnx_node
