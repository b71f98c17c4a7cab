// Elementwise ops by kernels that are printed and compiled, on the emulated device or, with
// TEMPER_TEST_DEVICE=cuda, a GPU: all cases of the suite in one program, each with the bits that
// the interpreter gives.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "backends/host/kernels/elementwise_ops.h"
#include "graph/ir/op_def.h"
#include "tests/device_under_test.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/op_case.h"

namespace temper::op_suite {
namespace {

// Compiled programs are kept in a folder of the test's.
class PrintedChains : public testing::Test {
 protected:
  void SetUp() override {
    if (test::is_device_left_out()) {
      GTEST_SKIP() << "this build has no emulated device";
    }
    if (emulated_ &&
        std::system("command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "there is no compiler on this machine";
    }
    std::string name = std::filesystem::temp_directory_path() / "temper-programs-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    setenv("XDG_CACHE_HOME", name.c_str(), 1);
  }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TEMPER_NVRTC");
    emulated::set_thread_order(emulated::ThreadOrder::kForward);
    if (!folder_.empty()) {
      std::filesystem::remove_all(folder_);
    }
  }

  std::unique_ptr<Backend> device(const char* compiles) const {
    setenv("TEMPER_NVRTC", compiles, 1);
    return make_backend(device_);
  }
  std::vector<std::filesystem::path> kept() const {
    std::vector<std::filesystem::path> files;
    if (std::filesystem::is_directory(folder_ / "temper")) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_ / "temper")) {
        files.push_back(entry.path());
      }
    }
    return files;
  }

  const std::string device_ = test::device_under_test();
  const bool emulated_ = test::is_emulated_under_test();
  std::filesystem::path folder_;
};

struct Pair {
  std::string name;
  std::unique_ptr<CaseGraph> graph;
  std::unique_ptr<CaseKernel> interpreted, compiled;
};

void add_pairs(const OpCase& op_case, const Backend& interpreter, const Backend& compiler,
               std::vector<Pair>& pairs) {
  for (const DType dtype : dtypes_of(op_case)) {
    for (const bool last : {false, true}) {
      Pair pair{concat(case_name(op_case), "_", dtype, last ? "_last" : ""),
                std::make_unique<CaseGraph>(op_case, dtype),
                {},
                {}};
      const std::string_view op = op_case.op;
      const KernelImpl& row = *interpreter.kernels().rows(op).front();
      if (!CaseKernel::refusal(*pair.graph, row).empty()) {
        continue;
      }
      pair.interpreted = std::make_unique<CaseKernel>(*pair.graph, row, 1, &interpreter, last);
      pair.compiled = std::make_unique<CaseKernel>(
          *pair.graph, *compiler.kernels().rows(op).front(), 1, &compiler, last);
      if (!last || pair.compiled->takes_layouts()) {
        pairs.push_back(std::move(pair));
      }
    }
  }
}

TEST_F(PrintedChains, HaveTheBitsOfTheInterpreterInAllCasesOfTheSuite) {
  std::set<std::string> ops;
  for (const ElementwiseOp& op : elementwise_ops()) {
    ops.insert(op.op);
  }
  const auto interpreter = device("off"), compiler = device("on");
  std::vector<Pair> pairs;
  std::set<std::string> met;
  for (const OpCase& op_case : all_cases()) {
    if (ops.contains(op_case.op)) {
      const std::size_t before = pairs.size();
      add_pairs(op_case, *interpreter, *compiler, pairs);
      if (pairs.size() > before) {
        met.insert(op_case.op);
      }
    }
  }
  EXPECT_TRUE(met.contains("FusedElementwise"));
  EXPECT_GE(met.size(), 20u);
  const std::uint64_t programs = emulated::device_counts().programs;
  for (const Pair& pair : pairs) {
    SCOPED_TRACE(pair.name);
    const std::vector<Tensor> inputs = pair.graph->kernel_inputs();
    const std::vector<Tensor> wanted = pair.interpreted->run(inputs);
    const KernelResult made = pair.compiled->run_checked(inputs, change_thread_order);
    EXPECT_EQ(made.complaints, std::vector<std::string>{});
    ASSERT_EQ(made.outputs.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      ASSERT_EQ(made.outputs[i].defined(), wanted[i].defined());
      EXPECT_TRUE(!wanted[i].defined() || equal_bits(made.outputs[i], wanted[i])) << "output " << i;
    }
  }
  if (emulated_) {
    EXPECT_EQ(emulated::device_counts().programs, programs + 1);
  }
  EXPECT_EQ(kept().size(), 1u);
  RecordProperty("cases", static_cast<int>(pairs.size()));
  RecordProperty("ops", static_cast<int>(met.size()));
}

}  // namespace
}  // namespace temper::op_suite
