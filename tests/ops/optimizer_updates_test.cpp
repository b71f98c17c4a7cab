// The optimizer updates over 100 steps, in flat buffers and in scattered ones, against PyTorch.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/base/dtype_visit.h"
#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"
#include "tests/ops/update_formula.h"

namespace temper::op_suite {
namespace {

constexpr std::size_t kSplit = 4;

// Seven numbers as two parameters in one buffer, the second at a multiple of 64 bytes when `flat`;
// in two otherwise.
template <class T>
class Pair {
 public:
  explicit Pair(bool flat, const std::vector<double>& numbers = std::vector<double>(7, 0.0))
      : memory_(Buffer::allocate(256)) {
    first_ = reinterpret_cast<T*>(memory_->data());
    second_ = reinterpret_cast<T*>(memory_->data() + 64);
    if (!flat) {
      // Another distance in every buffer, so nothing can be merged.
      static int made = 0;
      second_ += 1 + made++ % 7;
    }
    set(numbers);
  }
  void set(const std::vector<double>& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      (i < kSplit ? first_[i] : second_[i - kSplit]) = static_cast<T>(numbers[i]);
    }
  }
  std::vector<double> numbers() const {
    std::vector<double> out(first_, first_ + kSplit);
    out.insert(out.end(), second_, second_ + 3);
    return out;
  }
  void* first() { return first_; }
  void* second() { return second_; }

 private:
  std::shared_ptr<Buffer> memory_;
  T* first_;
  T* second_;
};

TensorSpec spec(DType dtype, const Shape& shape) {
  TensorSpec made;
  made.dtype = dtype;
  made.shape = shape;
  return made;
}

template <class T>
struct UpdateRun {
  // `backend`: null for the reference row.
  UpdateRun(const UpdateTrajectory& torch, bool flat, const Backend* backend = nullptr,
            int threads = 1)
      : parameter(flat, state_before_first(torch)[0]), gradient(flat) {
    const UpdateState begin = state_before_first(torch);
    steps = steps_of(torch, torch.start);
    const auto groups = static_cast<std::int64_t>(group_count(torch));
    const std::size_t sets = begin.size() + (has_group_memory(torch) ? 0 : 1);  // p, g, states
    for (std::size_t i = 2; i < sets; ++i) {
      states.emplace_back(flat, begin[i - 1]);
    }
    rates = rate_table(torch);
    query.op = torch.op;
    attrs = torch.attrs;
    attrs.set("count", std::int64_t{2});
    query.attrs = &attrs;
    query.threads = threads;
    query.inputs = {spec(DType::kBool, {}), spec(DType::kFloat64, {2 * groups, 3}),
                    spec(DType::kInt64, Shape{static_cast<std::int64_t>(steps.size())}),
                    spec(DType::kFloat32, {})};
    inputs = {&ok, rates.data(), steps.data(), &scale};
    add(inputs, parameter);
    add(inputs, gradient);
    add(outputs, parameter);
    for (Pair<T>& state : states) {
      add(inputs, state);
      add(outputs, state);
    }
    for (std::size_t i = 0; i < 2 * sets; ++i) {
      query.inputs.push_back(spec(kDTypeOf<T>, {i % 2 == 0 ? 4 : 3}));
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      query.outputs.push_back(spec(kDTypeOf<T>, {i % 2 == 0 ? 4 : 3}));
    }
    if (has_group_memory(torch)) {
      memory = begin.back();
      inputs.push_back(memory.data());
      outputs.push_back(memory.data());
      const Shape shape{static_cast<std::int64_t>(memory.size())};
      query.inputs.push_back(spec(DType::kFloat64, shape));
      query.outputs.push_back(spec(DType::kFloat64, shape));
    }
    if (backend == nullptr) {
      kernel = reference_row(query.op)->prepare(query);
    } else {
      SelectedKernel selected = select_kernel(*backend, query);
      family = selected.family;
      kernel = std::move(selected.kernel);
    }
    bound = kernel->bind(args());
  }
  static void add(std::vector<void*>& pointers, Pair<T>& pair) {
    pointers.push_back(pair.first());
    pointers.push_back(pair.second());
  }
  KernelArgs args() { return {inputs.data(), outputs.data(), nullptr, nullptr, bound.get()}; }
  void run(const std::vector<double>& g) {
    gradient.set(g);
    kernel->run(args());
    for (std::int64_t& step : steps) {
      ++step;
    }
  }
  UpdateState state() const {
    UpdateState out{parameter.numbers()};
    for (const Pair<T>& each : states) {
      out.push_back(each.numbers());
    }
    if (!memory.empty()) {
      out.push_back(memory);
    }
    return out;
  }

  Pair<T> parameter, gradient;
  std::vector<Pair<T>> states;
  bool ok = true;
  std::vector<double> rates, memory;
  std::vector<std::int64_t> steps;
  float scale = 1;
  OpQuery query;
  Attrs attrs;
  std::string family;
  std::vector<void*> inputs, outputs;
  std::unique_ptr<const Kernel> kernel;
  std::unique_ptr<KernelState> bound;
};

// |actual - expected| / |expected|
double relative_distance(const std::vector<double>& actual, const std::vector<double>& expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    difference += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(difference / size);
}

template <class T>
void expect_trajectory(const UpdateTrajectory& torch, UpdateRun<T>& run, double tolerance) {
  for (int step = 0; step < 100; ++step) {
    run.run(update_gradient(torch.start + step));
    const UpdateState actual = run.state();
    if (step < 3) {
      const UpdateState& expected = torch.first[static_cast<std::size_t>(step)];
      ASSERT_EQ(actual.size(), expected.size()) << torch.name;
      for (std::size_t part = 0; part < actual.size(); ++part) {
        EXPECT_LE(relative_distance(actual[part], expected[part]), tolerance)
            << torch.name << ", step " << step << ", part " << part;
      }
    } else if (step == 9 || step == 99) {
      EXPECT_LE(relative_distance(actual[0], step == 9 ? torch.after_10 : torch.after_100),
                tolerance)
          << torch.name << " after " << step + 1 << " steps";
    }
  }
}

TEST(OptimizerUpdates, AreAHundredStepsOfPyTorchInDouble) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    for (const bool flat : {true, false}) {
      UpdateRun<double> run(torch, flat);
      expect_trajectory(torch, run, 1e-11);
    }
  }
}

TEST(OptimizerUpdates, AreAHundredStepsOfPyTorchInFloat) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    for (const bool flat : {true, false}) {
      UpdateRun<float> run(torch, flat);
      expect_trajectory(torch, run, 2e-5);
    }
  }
}

TEST(OptimizerUpdates, OfEveryBackendAreAHundredStepsOfPyTorch) {
  for (const BackendUnderTest& under_test : backends_under_test()) {
    for (const UpdateTrajectory& torch : update_trajectories()) {
      for (const bool flat : {true, false}) {
        UpdateRun<float> run(torch, flat, under_test.backend.get(), under_test.threads);
        EXPECT_EQ(run.family, under_test.backend->name()) << torch.name;
        expect_trajectory(torch, run, 2e-5);
      }
    }
  }
}

TEST(OptimizerUpdates, KeepThePaddingBetweenParametersZero) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    UpdateRun<float> run(torch, true);
    for (int step = 0; step < 5; ++step) {
      run.run(update_gradient(step));
    }
    const auto* padding = static_cast<const float*>(run.parameter.first()) + kSplit;
    for (std::size_t i = 0; i < 16 - kSplit; ++i) {
      EXPECT_EQ(padding[i], 0.0F) << torch.name << ", padding number " << i;
    }
  }
}

// Behind a dead ReLU: moments that became denormal would cost 100 cycles at each step from then on.
TEST(OptimizerUpdates, OfParametersWithoutGradientLeaveNoDenormalMoments) {
  int runs = 0;
  for (const BackendUnderTest& under_test : backends_under_test()) {
    for (const UpdateTrajectory& torch : update_trajectories()) {
      if (torch.name != "adamw" || under_test.backend->name() != "cpu") {
        continue;
      }
      ++runs;
      UpdateRun<float> run(torch, true, under_test.backend.get(), under_test.threads);
      run.run(update_gradient(0));
      EXPECT_GT(std::abs(run.state()[1][0]), 1e-3);
      for (int step = 0; step < 3000; ++step) {  // 0.9^3000 is 5e-138
        run.run(std::vector<double>(7, 0.0));
      }
      const UpdateState state = run.state();
      for (const double moment : state[1]) {
        EXPECT_LT(std::abs(moment), 1e-36);
        EXPECT_TRUE(moment == 0 || std::isnormal(static_cast<float>(moment))) << moment;
      }
    }
  }
  EXPECT_GT(runs, 0);
}

TEST(OptimizerUpdates, WriteNothingWhenTheStepIsNotOk) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    UpdateRun<double> run(torch, true);
    run.run(update_gradient(0));
    const UpdateState before = run.state();
    run.ok = false;
    run.run(std::vector<double>(7, std::numeric_limits<double>::quiet_NaN()));
    EXPECT_EQ(run.state(), before) << torch.name;
  }
}

}  // namespace
}  // namespace temper::op_suite
