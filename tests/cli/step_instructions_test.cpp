// How many instructions a training step of small models takes, counted by callgrind: a number that
// other programs on the machine cannot move. valgrind shows every program the same processor (AVX2,
// its caches), so that the same kernels are taken everywhere.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "backends/cpu/library.h"
#include "runtime/base/concat.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/process.h"
#include "tests/cli/run_command.h"
#include "tests/counts_page.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using Int = std::int64_t;

const CountsPage kPage = {
    TEMPER_SOURCE_DIR "/tests/models/expected/step_instructions.txt",
    "# Instructions of a training step with AdamW on one thread, AVX2: model, compiler, library,\n"
    "# instructions. Written by step_instructions_test.cpp with TEMPER_UPDATE_REFERENCE=1.\n",
    {12, 10, 16},
    {14}};

struct SmallModel {
  std::string name;
  std::vector<std::string> made_by;  // of `temper new`, without the file
  Shape input, target;
  int classes = 0;  // 0: the target is a number
};

void PrintTo(const SmallModel& model, std::ostream* out) { *out << model.name; }

Tensor made_values(DType dtype, const Shape& shape, Int below) {
  std::vector<double> values;
  for (Int i = 0; i < shape.element_count(); ++i) {
    const Int mixed = (i + 1) * 2654435761 % 1000003;
    values.push_back(below > 0 ? static_cast<double>(mixed % below)
                               : static_cast<double>(mixed) / 500000 - 1);
  }
  return Tensor::from<double>(dtype, shape, values);
}

bool processor_has_avx2() {
  std::ifstream stream("/proc/cpuinfo");
  std::string word;
  while (stream >> word && word != "avx2") {
  }
  return word == "avx2";
}

bool has_valgrind() {
  std::istringstream folders(environment("PATH").value_or(""));
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (file_status(concat(folder, "/valgrind")).exists) {
      return true;
    }
  }
  return false;
}

// Why nothing is counted here; empty: it is.
std::string obstacle() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(NDEBUG)
  return "only a release build without sanitizers is counted";
#else
  return !has_valgrind()         ? "valgrind is not installed"
         : !processor_has_avx2() ? "the processor has no AVX2, which valgrind passes on"
                                 : "";
#endif
}

// The compiler and the library decide what a step's instructions are.
std::string made_with() {
  std::istringstream words(cpu::library_fingerprint());
  std::string library, version;
  words >> library >> version;
#ifdef __clang__
  const std::string compiler = concat("clang-", __clang_major__);
#else
  const std::string compiler = concat("gcc-", __GNUC__);
#endif
  return concat(compiler, " ", library, library == "own" ? "" : "-" + version);
}

// Instructions of each step of a run; the first prepares kernels.
std::vector<Int> count_steps(const std::string& model, const std::string& data,
                             const std::string& counts) {
  const std::string step = "temper::training::SingleBatch::step()";
  CommandOptions options;
  options.under = {"valgrind",
                   "-q",
                   "--tool=callgrind",
                   "--combine-dumps=yes",
                   "--callgrind-out-file=" + counts,
                   "--toggle-collect=" + step,
                   "--dump-before=" + step};
  const CommandResult result =
      run_temper({"bench", model, data, "--serve", "--threads", "1"}, options);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::vector<Int> steps;
  std::istringstream lines(file_text(counts));
  for (std::string word; lines >> word;) {
    Int count = 0;
    if (word == "summary:" && lines >> count && count > 0) {
      steps.push_back(count);
    }
  }
  return steps;
}

class StepInstructions : public testing::TestWithParam<SmallModel> {};

TEST_P(StepInstructions, AreAsManyAsBefore) {
  if (const std::string why = obstacle(); !why.empty()) {
    GTEST_SKIP() << why;
  }
  const SmallModel& small = GetParam();
  const std::string row = concat(small.name, " ", made_with());
  const std::vector<Int> known = read_counts(kPage)[row];
  if (known.empty() && !updates_reference()) {
    GTEST_SKIP() << "not counted with this compiler and library: " << made_with();
  }
  const ScratchFolder scratch;
  std::vector<std::string> made_by = {"new"};
  made_by.insert(made_by.end(), small.made_by.begin(), small.made_by.end());
  made_by.insert(made_by.begin() + 2, scratch / "model.onnx");
  const CommandResult made = run_temper(made_by);
  ASSERT_EQ(made.exit_code, 0) << made.err;
  training::write_npz(scratch / "batch.npz",
                      {{"input", made_values(DType::kFloat32, small.input, 0)},
                       {"target", made_values(small.classes > 0 ? DType::kInt64 : DType::kFloat32,
                                              small.target, small.classes)}});
  std::vector<Int> steps =
      count_steps(scratch / "model.onnx", scratch / "batch.npz", scratch / "counts");
  ASSERT_GE(steps.size(), 3u);
  std::nth_element(steps.begin(), steps.begin() + steps.size() / 2, steps.end());
  const Int usual = steps[steps.size() / 2];
  const Int expected = expected_counts(kPage, row, {usual}).front();
  // Addresses decide a few instructions, such as those that come to an aligned one.
  constexpr double kAllowed = 0.02;
  EXPECT_NEAR(static_cast<double>(usual), static_cast<double>(expected),
              kAllowed * static_cast<double>(expected))
      << "instructions of a step of " << row << "; " << kHowToUpdate;
}

INSTANTIATE_TEST_SUITE_P(
    Models, StepInstructions,
    testing::Values(SmallModel{"tiny_mlp",
                               {"mlp", "--inputs", "10", "--hidden", "64,64", "--outputs", "1"},
                               {32, 10},
                               {32, 1}},
                    SmallModel{"mlp", {"mlp", "--hidden", "512,256"}, {8, 784}, {8}, 10},
                    SmallModel{"lenet", {"lenet"}, {8, 1, 28, 28}, {8}, 10}),
    [](const testing::TestParamInfo<SmallModel>& tested) { return tested.param.name; });

}  // namespace
}  // namespace temper::test
