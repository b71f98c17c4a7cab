// Programs that are compiled for a model, on the emulated device: when, how many, and what is kept
// on the disk.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/error.h"
#include "runtime/exec/executor.h"

namespace temper {
namespace {

namespace fs = std::filesystem;

class ProgramCache : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device";
    }
    if (std::system("command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "there is no compiler on this machine";
    }
    std::string name = fs::temp_directory_path() / "temper-programs-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    setenv("XDG_CACHE_HOME", name.c_str(), 1);
    setenv("TEMPER_NVRTC", "on", 1);
  }
  void TearDown() override {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("TEMPER_NVRTC");
    if (!folder_.empty()) {
      fs::remove_all(folder_);
    }
  }

  // Twice sigmoid(x) * x + bias and its product with x, of two sizes: two chains that differ, the
  // second also in what is read of it. Gives the descriptions of the elementwise kernels.
  struct Made {
    std::vector<double> values;
    std::vector<std::string> kernels;
    std::uint64_t programs = 0, launches = 0;
  };
  static Made run_model() {
    using graph::ValueId;
    graph::Graph graph(graph::standard_ops());
    graph::Builder b(graph, "model");
    const ValueId x = graph.add_input("x", DType::kFloat32, Shape{4, 3});
    const ValueId bias = graph.add_input("bias", DType::kFloat32, Shape{3});
    const ValueId y = b.op("Add", {b.op("Mul", {b.op("Sigmoid", {x}), x}), bias});
    graph.add_output("y", y);
    graph.add_output("z", b.reduce_sum(b.op("Mul", {b.op("Relu", {y}), x}), {0, 1}, false));
    const std::unique_ptr<Backend> backend = make_backend("cuda-emulated");
    graph::run_pipeline(graph, *make_backend("reference"));
    const auto stream = backend->make_stream();
    VariableStore store(backend->memory(), *stream);
    Arena arena(backend->memory());
    const Plan plan = graph::lower(graph, *backend, store, {});
    store.allocate();
    const emulated::DeviceCounts before = emulated::device_counts();
    Executor executor(plan, store, arena);
    Made made;
    made.programs = emulated::device_counts().programs - before.programs;
    std::vector<double> numbers(12);
    const std::vector<double> biases = {1, 2, 3};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = 0.25 * static_cast<double>(i) - 1;
    }
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      executor.bind_input(static_cast<int>(i),
                          plan.inputs[i].port.index == 0
                              ? Tensor::from<double>(DType::kFloat32, {4, 3}, numbers)
                              : Tensor::from<double>(DType::kFloat32, {3}, biases));
    }
    for (int run = 0; run < 2; ++run) {  // the second time as a captured graph
      executor.run();
      const std::vector<double> values = executor.read_output(0).to_plain().values<double>();
      EXPECT_TRUE(run == 0 || values == made.values);
      made.values = values;
    }
    EXPECT_EQ(emulated::device_counts().programs - before.programs, made.programs)
        << "a program was compiled in a step";
    for (const PlanStep& step : plan.steps) {
      if (step.kernel != nullptr && step.kernel->description.find("functor") != std::string::npos) {
        made.kernels.push_back(step.kernel->description);
      }
    }
    return made;
  }

  std::vector<fs::path> kept() const {
    std::vector<fs::path> files;
    if (fs::is_directory(folder_ / "temper")) {
      for (const auto& entry : fs::directory_iterator(folder_ / "temper")) {
        files.push_back(entry.path());
      }
    }
    return files;
  }
  static std::string bytes_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  fs::path folder_;
};

TEST_F(ProgramCache, AModelIsOneProgramAndCompiledOnce) {
  const Made first = run_model();
  EXPECT_EQ(first.programs, 1u);
  ASSERT_GE(first.kernels.size(), 2u);
  for (const std::string& kernel : first.kernels) {
    EXPECT_NE(kernel.find(", compiled"), std::string::npos) << kernel;
  }
  ASSERT_EQ(kept().size(), 1u);
  const Made second = run_model();
  EXPECT_EQ(second.programs, 0u);
  EXPECT_EQ(second.values, first.values);
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(ProgramCache, WithoutACompilerTheInterpreterGivesTheSameBitsAndIsNamed) {
  const Made compiled = run_model();
  setenv("TEMPER_NVRTC", "off", 1);
  const Made interpreted = run_model();
  EXPECT_EQ(interpreted.programs, 0u);
  EXPECT_EQ(interpreted.values, compiled.values);
  ASSERT_EQ(interpreted.kernels.size(), compiled.kernels.size());
  for (const std::string& kernel : interpreted.kernels) {
    EXPECT_NE(kernel.find(", interpreted"), std::string::npos) << kernel;
  }
}

TEST_F(ProgramCache, ADamagedFileIsCompiledAnew) {
  const Made first = run_model();
  ASSERT_EQ(kept().size(), 1u);
  const fs::path file = kept().front();
  const std::string whole = bytes_of(file);
  std::string changed = whole;
  changed[changed.size() - 100] ^= 1;
  for (const std::string& damaged : {whole.substr(0, whole.size() / 2), changed, std::string()}) {
    write(file, damaged);
    const Made again = run_model();
    EXPECT_EQ(again.programs, 1u);
    EXPECT_EQ(again.values, first.values);
    EXPECT_EQ(bytes_of(file).size(), whole.size());
  }
}

TEST_F(ProgramCache, TheProgramsOfLongestAgoMakeRoom) {
  constexpr std::uintmax_t kMiB = std::uintmax_t{1} << 20;
  const fs::path folder = folder_ / "temper";
  fs::create_directories(folder);
  const auto now = fs::file_time_type::clock::now();
  const auto put = [&](const char* name, std::uintmax_t bytes, int hours_ago) {
    write(folder / name, "");
    fs::resize_file(folder / name, bytes);  // a hole: no blocks are taken
    fs::last_write_time(folder / name, now - std::chrono::hours(hours_ago));
  };
  put("1.program", 200 * kMiB, 1);
  put("3.program", 100 * kMiB, 3);
  put("2.program", 20 * kMiB, 2);
  put("notes.txt", 300 * kMiB, 4);  // nobody's program
  EXPECT_EQ(run_model().programs, 1u);
  EXPECT_TRUE(fs::exists(folder / "1.program"));
  EXPECT_TRUE(fs::exists(folder / "2.program"));
  EXPECT_FALSE(fs::exists(folder / "3.program"));
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));
  EXPECT_EQ(kept().size(), 4u);
  EXPECT_EQ(run_model().programs, 0u);
}

TEST_F(ProgramCache, AFolderThatCannotBeWrittenIsNoError) {
  const Made first = run_model();
  write(folder_ / "file", "");
  setenv("XDG_CACHE_HOME", (folder_ / "file").c_str(), 1);
  const Made second = run_model();
  EXPECT_EQ(second.programs, 1u);
  EXPECT_EQ(second.values, first.values);
}

TEST_F(ProgramCache, AnotherValueOfTheSwitchIsRefused) {
  setenv("TEMPER_NVRTC", "yes", 1);
  try {
    make_backend("cuda-emulated");
    ADD_FAILURE() << "no error was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("TEMPER_NVRTC is 'yes', expected on or off"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace temper
