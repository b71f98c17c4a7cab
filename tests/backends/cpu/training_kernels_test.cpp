// Cross entropy, global norm, finiteness check and optimizer updates of the CPU backend against the
// reference.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor labels_for(std::int64_t rows, std::int64_t classes, DType dtype, bool some_ignored) {
  std::vector<std::int64_t> labels;
  for (std::int64_t i = 0; i < rows; ++i) {
    labels.push_back(some_ignored && i % 5 == 0 ? -100 : i * 7 % classes);
  }
  return Tensor::from<std::int64_t>(dtype, Shape{rows}, labels);
}

TEST(CpuCrossEntropy, EqualsTheReferenceForEveryOption) {
  const struct {
    std::int64_t rows, classes;
  } sizes[] = {{64, 10}, {1, 2}, {7, 1000}, {200, 500}, {5, 1}};
  for (const auto& [rows, classes] : sizes) {
    for (const char* reduction : {"mean", "sum", "none"}) {
      for (const double smoothing : {0.0, 0.1}) {
        for (const bool weighted : {false, true}) {
          SCOPED_TRACE(concat(rows, " ", classes, " ", reduction, " ", smoothing, " ", weighted));
          const Attrs attrs{{"reduction", std::string(reduction)},
                            {"label_smoothing", smoothing},
                            {"ignore_index", std::int64_t{-100}}};
          const Tensor logits = random_tensor(Shape{rows, classes}, 1, -8, 8);
          const DType type = weighted ? DType::kInt32 : DType::kInt64;
          const Tensor labels = labels_for(rows, classes, type, rows > 2);
          std::vector<Tensor> inputs{logits, labels};
          if (weighted) {
            inputs.push_back(random_tensor(Shape{classes}, 2, 0.5f, 2));
          }
          const bool none = std::string_view(reduction) == "none";
          const Shape loss = none ? Shape{rows} : Shape{};
          const auto forward =
              expect_matches_reference("CrossEntropy", attrs, inputs,
                                       {{.shape = loss}, {.shape = logits.shape()}}, {}, 1e-6);
          EXPECT_EQ(forward.family, "cpu");
          expect_matches_reference("CrossEntropy", attrs, inputs, {{.shape = loss}}, {}, 1e-6);
          std::vector<Tensor> grad{random_tensor(loss, 3, 0.5f, 1), forward.outputs[1], labels};
          if (weighted) {
            grad.push_back(inputs[2]);
          }
          expect_matches_reference("CrossEntropyGrad", attrs, grad, {{.shape = logits.shape()}}, {},
                                   1e-6);
        }
      }
    }
  }
}

TEST(CpuCrossEntropy, LabelThatIsNoClassGivesNan) {
  const Tensor logits = random_tensor(Shape{2, 3}, 1);
  const Tensor labels =
      Tensor::from<std::int64_t>(DType::kInt64, Shape{2}, std::vector<std::int64_t>{1, 3});
  const auto result = run_op(cpu_backend(), "CrossEntropy", {}, {logits, labels},
                             {{.shape = Shape{}}, {.shape = logits.shape()}});
  EXPECT_TRUE(std::isnan(result.outputs[0].span<float>()[0]));
}

TEST(CpuGlobalNorm, HasTheSameBitsForAnyThreadCountAndEqualsTheReference) {
  const std::vector<Tensor> gradients{random_tensor(Shape{300, 400}, 1),
                                      random_tensor(Shape{17}, 2),
                                      random_tensor(Shape{2, 20, 3, 3}, 3)};
  const std::vector<Layout> layouts{Layout{}, Layout{}, nchw_blocked(Shape{2, 20, 3, 3}, 16)};
  const auto two = expect_matches_reference("GlobalNorm", {}, gradients, {{.shape = Shape{}}},
                                            {.layouts = layouts}, 1e-6);
  const auto one = run_op(cpu_backend(), "GlobalNorm", {}, gradients, {{.shape = Shape{}}},
                          {.threads = 1, .layouts = layouts});
  EXPECT_TRUE(equal_bits(one.outputs[0], two.outputs[0]));
}

TEST(CpuGlobalNorm, OfEveryTypeHasTheSameBitsForAnyThreadCount) {
  const std::vector<Tensor> gradients{random_tensor(Shape{300, 400}, 1),
                                      random_tensor(Shape{17}, 2)};
  for (const double norm_type : {1.0, 3.0, HUGE_VAL}) {
    const Attrs attrs{{"norm_type", norm_type}};
    const auto two =
        expect_matches_reference("GlobalNorm", attrs, gradients, {{.shape = Shape{}}}, {}, 1e-6);
    EXPECT_EQ(two.family, "cpu");
    const auto one =
        run_op(cpu_backend(), "GlobalNorm", attrs, gradients, {{.shape = Shape{}}}, {.threads = 1});
    EXPECT_TRUE(equal_bits(one.outputs[0], two.outputs[0])) << norm_type;
  }
}

TEST(CpuAdaptiveClip, EqualsTheReferenceAlongEveryAxis) {
  const Shape shape{70, 30, 3, 5};
  for (const std::int64_t axis : {-1, 0, 1, 3}) {
    for (const double norm_type : {1.0, 2.0, HUGE_VAL}) {
      const Attrs attrs{
          {"axis", axis}, {"clip_factor", 0.9}, {"eps", 1e-3}, {"norm_type", norm_type}};
      const auto result = expect_matches_reference(
          "AdaptiveClip", attrs, {random_tensor(shape, 1), random_tensor(shape, 2)},
          {{.shape = shape}}, {}, 1e-6);
      EXPECT_EQ(result.family, "cpu");
    }
  }
}

TEST(CpuAllFinite, FindsOneBadElementAnywhere) {
  for (const float bad : {kNan, INFINITY, -INFINITY, 1.0f}) {
    for (const std::int64_t at : {0, 1, 16383, 16384, 99999}) {
      Tensor x = random_tensor(Shape{100000}, 1);
      x.span<float>()[static_cast<std::size_t>(at)] = bad;
      const auto result = run_op(cpu_backend(), "AllFinite", {}, {random_tensor(Shape{3}, 2), x},
                                 {{.dtype = DType::kBool, .shape = Shape{}}});
      EXPECT_EQ(result.outputs[0].span<bool>()[0], bad == 1.0f) << bad << " at " << at;
    }
  }
}

// The state of some variables, updated in place by one backend.
struct Optimizer {
  std::vector<Tensor> parameters, gradients, first, second;
};

Optimizer make_state(bool flat) {
  const std::vector<Shape> shapes{Shape{300, 70}, Shape{70}, Shape{70, 5}, Shape{5}};
  Optimizer state;
  unsigned seed = 1;
  for (auto* set : {&state.parameters, &state.gradients, &state.first, &state.second}) {
    const auto buffer = Buffer::allocate(1 << 18);
    std::size_t offset = 0;
    for (const Shape& shape : shapes) {
      const Tensor values = random_tensor(shape, seed++, set == &state.second ? 0.0f : -1.0f, 1);
      if (flat) {
        set->emplace_back(DType::kFloat32, shape, Layout{}, buffer, offset);
        std::memcpy(set->back().data(), values.data(), static_cast<std::size_t>(values.bytes()));
        offset += (static_cast<std::size_t>(values.bytes()) + 63) / 64 * 64;
      } else {
        set->push_back(values);
      }
    }
  }
  return state;
}

void update(const Backend& backend, std::string_view op, const Attrs& attrs, Optimizer& state,
            int sets, std::int64_t step, bool ok, int threads) {
  const double own = std::numeric_limits<double>::quiet_NaN();
  const std::vector<double> rates{0.1, 0.05, 0.01, 0.05, 0.02, 0.01, own, own, own, own, own, own};
  std::vector<Tensor> inputs{Tensor::scalar<bool>(DType::kBool, ok),
                             Tensor::from<double>(DType::kFloat64, Shape{4, 3}, rates),
                             Tensor::scalar<std::int64_t>(DType::kInt64, step),
                             Tensor::scalar<float>(DType::kFloat32, 0.5f)};
  std::vector<Tensor*> written;
  const auto add = [&](std::vector<Tensor>& set, bool output) {
    for (Tensor& tensor : set) {
      inputs.push_back(tensor);
      if (output) {
        written.push_back(&tensor);
      }
    }
  };
  add(state.parameters, true);
  add(state.gradients, false);
  if (sets > 2) {
    add(state.first, true);
  }
  if (sets > 3) {
    add(state.second, true);
  }
  std::vector<Value> outputs;
  std::vector<void*> in, out;
  for (Tensor& tensor : inputs) {
    in.push_back(tensor.data());
  }
  for (const Tensor* tensor : written) {
    outputs.push_back({.shape = tensor->shape()});
    out.push_back(const_cast<void*>(tensor->data()));
  }
  const OpQuery query = make_query(op, attrs, inputs, outputs, {.threads = threads});
  const SelectedKernel selected = select_kernel(backend, query);
  EXPECT_EQ(selected.family == "cpu", &backend == &cpu_backend());
  KernelArgs args{in.data(), out.data(), nullptr};
  const auto bound = selected.kernel->bind(args);
  args.state = bound.get();
  selected.kernel->run(args);
}

void expect_same_updates(std::string_view op, const Attrs& attrs, int sets) {
  for (const bool flat : {false, true}) {
    for (const int threads : {1, 2}) {
      Optimizer mine = make_state(flat), theirs = make_state(flat);
      for (const std::int64_t step : {0, 1, 2}) {
        update(cpu_backend(), op, attrs, mine, sets, step, step != 1, threads);
        update(reference_backend(), op, attrs, theirs, sets, step, step != 1, 1);
      }
      for (std::size_t i = 0; i < mine.parameters.size(); ++i) {
        EXPECT_TRUE(equal_bits(mine.parameters[i], theirs.parameters[i]))
            << op << " parameter " << i;
        EXPECT_TRUE(equal_bits(mine.first[i], theirs.first[i])) << op << " moment " << i;
        EXPECT_TRUE(equal_bits(mine.second[i], theirs.second[i])) << op << " second moment " << i;
      }
    }
  }
}

TEST(CpuOptimizer, UpdatesHaveTheReferencesBits) {
  Attrs attrs{{"count", std::int64_t{4}},
              {"group_of", std::vector<std::int64_t>{0, 1, 0, 1}},
              {"maximize", std::vector<double>{0.0, 0.0}},
              {"momentum", std::vector<double>{0.9, 0.5}},
              {"dampening", std::vector<double>{0.0, 0.0}},
              {"nesterov", std::vector<double>{0.0, 1.0}},
              {"beta1", std::vector<double>{0.9, 0.8}},
              {"beta2", std::vector<double>{0.99, 0.9}},
              {"eps", std::vector<double>{1e-8, 1e-3}},
              {"decoupled", std::vector<double>{0.0, 1.0}},
              {"weight_decay", std::vector<double>{0.01, 0.0}}};
  expect_same_updates("SgdUpdate", attrs, 2);
  attrs.set("states", std::vector<std::string>{"momentum_buffer"});
  expect_same_updates("SgdUpdate", attrs, 3);
  attrs.set("maximize", std::vector<double>{0.0, 1.0});
  expect_same_updates("SgdUpdate", attrs, 3);
  attrs.set("states", std::vector<std::string>{"exp_avg", "exp_avg_sq"});
  for (const std::int64_t group : {0, 1}) {
    attrs.set("group_of", std::vector<std::int64_t>{group, group, group, group});
    expect_same_updates("AdamUpdate", attrs, 4);
  }
}

TEST(CpuCommit, WritesOnlyWhenTheStepIsGood) {
  const Tensor value = random_tensor(Shape{100000}, 1);
  for (const bool ok : {false, true}) {
    const auto result =
        run_op(cpu_backend(), "CommitIf", {}, {Tensor::scalar<bool>(DType::kBool, ok), value},
               {{.shape = value.shape()}});
    EXPECT_EQ(equal_bits(result.outputs[0], value), ok);
  }
  const auto copy = run_op(cpu_backend(), "Copy", {}, {value}, {{.shape = value.shape()}});
  EXPECT_TRUE(equal_bits(copy.outputs[0], value));
}

}  // namespace
}  // namespace temper::cpu
