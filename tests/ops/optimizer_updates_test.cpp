// The optimizer updates over five steps, in flat buffers and in scattered ones, against PyTorch.
#include "tests/ops/expected/optimizer_updates.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <vector>

#include "runtime/base/dtype_visit.h"
#include "tests/ops/case_runner.h"

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
  UpdateRun(const UpdateTrajectory& torch, bool flat)
      : parameter(flat, update_initial()), gradient(flat) {
    sets = torch.in_f64.front().size() + 1;
    for (std::size_t i = 2; i < sets; ++i) {
      states.emplace_back(flat);
    }
    query.op = torch.op;
    query.attrs = &torch.attrs;
    query.inputs = {spec(DType::kBool, {}), spec(DType::kFloat64, {3}), spec(DType::kInt64, {}),
                    spec(DType::kFloat32, {})};
    inputs = {&ok, rates.data(), &step, &scale};
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
    kernel = reference_row(query.op)->prepare(query);
    kernel->bind(args());
  }
  static void add(std::vector<void*>& pointers, Pair<T>& pair) {
    pointers.push_back(pair.first());
    pointers.push_back(pair.second());
  }
  KernelArgs args() { return {inputs.data(), outputs.data(), nullptr}; }
  void run(const std::vector<double>& g) {
    gradient.set(g);
    kernel->run(args());
    ++step;
  }
  UpdateState state() const {
    UpdateState out{parameter.numbers()};
    for (const Pair<T>& each : states) {
      out.push_back(each.numbers());
    }
    return out;
  }

  Pair<T> parameter, gradient;
  std::vector<Pair<T>> states;
  bool ok = true;
  std::vector<double> rates = update_rates();
  std::int64_t step = 0;
  float scale = 1;
  std::size_t sets = 0;
  OpQuery query;
  std::vector<void*> inputs, outputs;
  std::unique_ptr<Kernel> kernel;
};

template <class T>
void expect_trajectory(const UpdateTrajectory& torch, const std::vector<UpdateState>& expected,
                       bool flat, double tolerance) {
  UpdateRun<T> run(torch, flat);
  const auto gradients = update_gradients();
  for (std::size_t step = 0; step < expected.size(); ++step) {
    run.run(gradients[step]);
    const UpdateState actual = run.state();
    ASSERT_EQ(actual.size(), expected[step].size()) << torch.name;
    for (std::size_t part = 0; part < actual.size(); ++part) {
      for (std::size_t i = 0; i < 7; ++i) {
        const double e = expected[step][part][i];
        EXPECT_NEAR(actual[part][i], e, tolerance * std::max(1.0, std::abs(e)))
            << torch.name << ", step " << step << ", part " << part << ", number " << i;
      }
    }
  }
}

TEST(OptimizerUpdates, AreFiveStepsOfPyTorchInDouble) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    expect_trajectory<double>(torch, torch.in_f64, true, 1e-12);
    expect_trajectory<double>(torch, torch.in_f64, false, 1e-12);
  }
}

TEST(OptimizerUpdates, AreFiveStepsOfPyTorchInFloat) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    expect_trajectory<float>(torch, torch.in_f32, true, 1e-6);
    expect_trajectory<float>(torch, torch.in_f32, false, 1e-6);
  }
}

TEST(OptimizerUpdates, KeepThePaddingBetweenParametersZero) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    UpdateRun<float> run(torch, true);
    for (const std::vector<double>& gradient : update_gradients()) {
      run.run(gradient);
    }
    const auto* padding = static_cast<const float*>(run.parameter.first()) + kSplit;
    for (std::size_t i = 0; i < 16 - kSplit; ++i) {
      EXPECT_EQ(padding[i], 0.0F) << torch.name << ", padding number " << i;
    }
  }
}

TEST(OptimizerUpdates, WriteNothingWhenTheStepIsNotOk) {
  for (const UpdateTrajectory& torch : update_trajectories()) {
    UpdateRun<double> run(torch, true);
    run.run(update_gradients()[0]);
    const UpdateState before = run.state();
    run.ok = false;
    run.run(std::vector<double>(7, std::numeric_limits<double>::quiet_NaN()));
    EXPECT_EQ(run.state(), before) << torch.name;
  }
}

}  // namespace
}  // namespace temper::op_suite
