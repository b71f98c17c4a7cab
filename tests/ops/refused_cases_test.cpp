// backends/cuda/refused_cases.md lists the cases of the op suite that no row of the CUDA backend
// takes, so that a row that begins to refuse what it took is seen. It is written from the kernel
// tables when TEMPER_UPDATE_REFERENCE=1 is set, and compared otherwise.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "graph/lowering/lower.h"
#include "graph/passes/pipeline.h"
#include "tests/generated_page.h"
#include "tests/ops/case_gradient.h"

namespace temper::op_suite {
namespace {

constexpr std::string_view kNoReason = "no reason given";

// "" where a row takes the case, else what the rows say.
std::string refusal(const OpCase& op_case, DType dtype, const Backend& backend) {
  const CaseGraph case_graph(op_case, dtype);
  std::set<std::string> reasons;
  for (const auto& row : backend.kernels().rows(op_case.op)) {
    const std::string reason = CaseKernel::refusal(case_graph, *row);
    if (reason.empty()) {
      return "";
    }
    if (reason != kNoReason) {
      reasons.insert(reason);
    }
  }
  std::string text;
  for (const std::string& reason : reasons) {
    text += concat(text.empty() ? "" : "; ", reason);
  }
  return text.empty() ? std::string(kNoReason) : text;
}

// "" where a plan of the case and its gradient can be made, else what is missing.
std::string gradient_refusal(const OpCase& op_case, const Backend& backend) {
  CaseGraph case_graph(op_case, DType::kFloat32);
  for (const ValueId dx : add_gradient(op_case, case_graph)) {
    case_graph.graph.add_output("dx", dx);
  }
  graph::run_pipeline(case_graph.graph, reference_backend());
  const auto stream = backend.make_stream();
  VariableStore store(backend.memory(), *stream);
  try {
    graph::lower(case_graph.graph, backend, store, {});
    return "";
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    std::string text = error.message();
    std::replace(text.begin(), text.end(), '\n', ';');
    return text;
  }
}

TEST(RefusedCasesPage, IsWrittenFromTheTables) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  const auto backend = make_backend("cuda-emulated");
  std::set<std::string> in_double;
  std::map<std::string, int> refused;  // op, type and reason to the number of cases
  std::map<std::string, int> gradients;
  for (const OpCase& op_case : all_cases()) {
    if (is_differentiated(op_case) && has_dtype(op_case, DType::kFloat32)) {
      const std::string reason = gradient_refusal(op_case, *backend);
      gradients[reason] += reason.empty() ? 0 : 1;
    }
    if (backend->kernels().rows(op_case.op).empty()) {
      continue;  // OPERATORS.md, or an op that is expanded
    }
    for (const DType dtype : dtypes_of(op_case)) {
      const std::string reason = refusal(op_case, dtype, *backend);
      if (!reason.empty() && dtype == DType::kFloat64) {
        in_double.insert(op_case.op);
      } else if (!reason.empty()) {
        ++refused[concat("| ", op_case.op, " | ", dtype, " | ", reason, " | ")];
      }
    }
  }
  std::string page =
      "# Cases without a CUDA kernel\n\nWritten by `TEMPER_UPDATE_REFERENCE=1 build/test_ops "
      "--gtest_filter='RefusedCases*'`: the cases of the op suite that no row of the CUDA backend "
      "takes. Ops that have no row at all are in `OPERATORS.md`.\n\nf64, in some case or in "
      "all:";
  for (const std::string& op : in_double) {
    page += concat(op == *in_double.begin() ? " " : ", ", op);
  }
  page += ".\n\n| Op | Type | Reason | Cases |\n|---|---|---|---|\n";
  for (const auto& [what, count] : refused) {
    page += concat(what, count, " |\n");
  }
  page += "\n| Gradient in f32 | Cases |\n|---|---|\n";
  gradients.erase("");
  for (const auto& [reason, count] : gradients) {
    page += concat("| ", reason, " | ", count, " |\n");
  }
  test::expect_page(TEMPER_SOURCE_DIR, "backends/cuda/refused_cases.md", page);
}

}  // namespace
}  // namespace temper::op_suite
