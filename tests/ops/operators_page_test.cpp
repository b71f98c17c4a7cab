// OPERATORS.md lists what is known of every operator. It is written from the registry, the kernel
// tables and the cases of this suite when TEMPER_UPDATE_REFERENCE=1 is set, and compared otherwise.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/concat.h"
#include "tests/generated_page.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/expected/onnx_versions.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

constexpr int kOldestOpset = 7;
// Trees, support vectors, strings: of these a graph has what stands in front of networks.
constexpr std::string_view kClassical = "ai.onnx.ml";

// Operators of the standard that are no nodes of a graph, and what becomes of them.
const std::map<std::string, std::string, std::less<>> kWithoutNode = {
    {"Constant", "read as a tensor"}};

// Why an operator of the standard is not read.
const std::map<std::string, std::string, std::less<>> kNotRead = {
    {"ImageDecoder", "decodes files of pictures, which the data reader does (docs/pictures.md)"},
    {"RegexFullMatch", "strings"},
    {"StringConcat", "strings"},
    {"StringNormalizer", "strings"},
    {"StringSplit", "strings"},
    {"TfIdfVectorizer", "counts n-grams of raw text or tokens, ahead of a network"},
};

const OnnxVersions* versions_of(std::string_view op) {
  for (const OnnxVersions& each : onnx_versions()) {
    if (each.op == op) {
      return &each;
    }
  }
  return nullptr;
}

// The forms there are from opset 7 on: the one in force then and all later ones.
std::string opsets_text(std::string_view op) {
  const OnnxVersions* known = versions_of(op);
  if (known == nullptr) {
    return "onnxruntime's";  // what its optimiser writes into files
  }
  const auto& all = known->versions;
  auto first = std::upper_bound(all.begin(), all.end(), kOldestOpset);
  first = first == all.begin() ? first : first - 1;
  std::vector<std::string> parts;
  for (auto it = first; it != all.end(); ++it) {
    parts.push_back(std::to_string(known->domain.empty() ? std::max(*it, kOldestOpset) : *it));
  }
  return concat(known->domain, known->domain.empty() ? "" : " ", join(parts, ", "));
}

std::string gradient_text(const graph::OpDef& op) {
  return op.is_differentiable()           ? "yes"
         : op.resolve_function != nullptr ? "that of what takes its place"
                                          : concat("none: ", op.no_gradient_reason);
}

std::string second_text(const graph::OpDef& op) {
  return op.is_differentiable() ? "yes" : "";  // second_order_test.cpp
}

// Whether a backend has a kernel of its own for the op, and for its gradient.
std::string kernels_text(const graph::OpDef& op) {
  if (op.is_reshape()) {
    return "none needed";
  }
  if (op.resolve_function != nullptr) {
    return "gone when a plan is made";
  }
  std::set<std::string> own;
  for (const BackendUnderTest& tested : backends_under_test()) {
    for (const auto& row : tested.backend->kernels().rows(op.name())) {
      if (!row->family().starts_with("reference")) {
        own.insert(std::string(tested.backend->name()));
      }
    }
  }
  return own.empty() ? (op.is_expanded ? "made of other operators" : "reference")
                     : join(std::vector<std::string>(own.begin(), own.end()), ", ");
}

const Backend& device() {
  static const std::unique_ptr<Backend> backend = make_backend(kEmulatedCudaDevice);
  return *backend;
}

// Whether the CUDA backend has a kernel for the op.
std::string cuda_text(const graph::OpDef& op) {
  return op.is_reshape()                               ? "none needed"
         : op.resolve_function != nullptr              ? "gone when a plan is made"
         : !device().kernels().rows(op.name()).empty() ? "yes"
         : op.is_expanded                              ? "made of other operators"
                                                       : "no";
}

// The types of its main operand that the cases of this suite run.
std::string types_text(const std::set<DType>& types) {
  std::vector<std::string_view> names;
  for (const DType dtype : types) {
    names.push_back(to_string(dtype));
  }
  return join(names, " ");
}

std::map<std::string, std::set<DType>> types_of_ops() {
  std::map<std::string, std::set<DType>> types;
  for (const OpCase& op_case : all_cases()) {
    std::set<DType>& seen = types[op_case.op];
    const bool varies =
        op_case.inputs.empty() ||
        std::any_of(op_case.inputs.begin(), op_case.inputs.end(), [](const OpInput& input) {
          return !input.is_missing && input.dtype == DType::kUndefined;
        });
    if (varies) {
      const std::vector<DType> dtypes = dtypes_of(op_case);
      seen.insert(dtypes.begin(), dtypes.end());
    } else {
      seen.insert(op_case.inputs.front().dtype);
    }
  }
  return types;
}

std::string precision_text(const graph::OpDef& op) {
  switch (op.precision_class) {
    case graph::PrecisionClass::kLow:
      return "16 bits";
    case graph::PrecisionClass::kFloat32:
      return "f32";
    case graph::PrecisionClass::kFollowInputs:
      break;
  }
  return op.float32_inputs.empty() ? "" : "follows x; the rest is f32";
}

bool is_read(const graph::OpDef& op) { return !op.is_internal || !op.onnx_name.empty(); }

void write_operators(std::ostream& out) {
  const auto types = types_of_ops();
  out << "| operator | opsets | gradient | second order | kernels | CUDA | types | mixed precision "
         "|\n"
         "|---|---|---|---|---|---|---|---|\n";
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    if (!is_read(*op)) {
      continue;
    }
    const std::string name = op->onnx_name.empty() ? op->name() : op->onnx_name;
    const auto seen = types.find(op->name());
    out << "| " << name << " | " << opsets_text(name) << " | " << gradient_text(*op) << " | "
        << second_text(*op) << " | " << kernels_text(*op) << " | " << cuda_text(*op) << " | "
        << (seen == types.end() ? "" : types_text(seen->second)) << " | " << precision_text(*op)
        << " |\n";
  }
}

// Of all that a plan may be made of: what gradients, optimizers and passes add, too.
void write_cuda(std::ostream& out) {
  int count = 0;
  std::vector<std::string> lacking;
  for (const std::string& op : make_backend("reference")->kernels().ops()) {
    ++count;
    if (device().kernels().rows(op).empty()) {
      lacking.push_back("- " + op + "\n");
    }
  }
  out << "\n## CUDA\n\nPlans are made of these operators and of internal ones (gradients, "
         "optimizer "
         "steps, what passes make), "
      << count << " in all. "
      << (lacking.empty() ? std::string("All of them have a CUDA kernel.\n")
                          : concat(lacking.size(),
                                   " have no CUDA kernel, and a model that needs one is refused "
                                   "on a GPU:\n\n",
                                   join(lacking, "")))
      << "\nA row of the table may refuse some forms; `temper inspect MODEL --kernels --device "
         "cuda` says "
         "which kernel each node has. Nothing of it has run on a GPU yet "
         "(backends/cuda/README.md).\n";
}

std::string page() {
  std::ostringstream out;
  out << "# Operators\n\nWritten from the code by tests/ops/operators_page_test.cpp "
         "(TEMPER_UPDATE_REFERENCE=1 build/test_ops --gtest_filter='OperatorsPage*'); do not edit "
         "by hand.\n\nFiles of opset 7 to 28 are read.\n\n"
         "- **opsets**: the forms of the operator that ONNX has from opset 7 on. All are read.\n"
         "- **gradient**, **second order**: checked against central differences in double, for "
         "every case of tests/ops.\n"
         "- **kernels**: the backends that have a kernel of their own for some of its forms; the "
         "reference backend's plain loops do the rest.\n"
         "- **CUDA**: whether the backend of GPUs has a kernel for it.\n"
         "- **types**: those of the main operand that the tests run. A file's f16 and bf16 are "
         "computed in f32 unless a recipe asks for mixed precision.\n"
         "- **mixed precision** (docs/mixed_precision.md): an operator of 16 bits computes in the "
         "run's 16-bit type, one of f32 in float32; the others follow their inputs.\n\n";
  write_operators(out);
  write_cuda(out);
  out << "\n## Not nodes\n\n| operator | what becomes of it |\n|---|---|\n";
  for (const auto& [name, what] : kWithoutNode) {
    out << "| " << name << " | " << what << " |\n";
  }
  out << "\n## Not read\n\nOf ai.onnx.ml only Scaler is read. A file with an operator "
         "that is not read is refused, all of them named at once.\n\n"
         "| operator | because |\n|---|---|\n";
  for (const auto& [name, reason] : kNotRead) {
    out << "| " << name << " | " << reason << " |\n";
  }
  return out.str();
}

TEST(OperatorsPage, KnowsEveryOperatorOfTheStandard) {
  for (const OnnxVersions& known : onnx_versions()) {
    if (known.domain == kClassical) {
      continue;
    }
    const std::string name(known.op);
    const bool read = graph::standard_ops().find_imported(name) != nullptr;
    const bool named = kWithoutNode.contains(name) || kNotRead.contains(name);
    EXPECT_TRUE(read != named) << name
                               << (read ? " is read: take it off the list"
                                        : " is neither read nor on a list of this test");
  }
}

TEST(OperatorsPage, IsWhatTheCodeSays) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  test::expect_page(TEMPER_SOURCE_DIR, "OPERATORS.md", page());
}

}  // namespace
}  // namespace temper::op_suite
