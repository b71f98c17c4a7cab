// Muon and Adafactor over 100 steps against PyTorch, on the reference and every other backend.
#include "tests/ops/expected/matrix_updates.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "tests/ops/backends_under_test.h"
#include "tests/ops/case_runner.h"

namespace temper::op_suite {
namespace {

const std::vector<Shape> kShapes = {{4, 6}, {6, 4}, {5, 3}, {3, 2, 2, 2}, {5}};
constexpr std::size_t kTurned = 2;  // [inputs, outputs]

std::vector<double> initial(std::size_t tensor) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < kShapes[tensor].element_count(); ++i) {
    const auto t = static_cast<std::int64_t>(tensor);
    values.push_back(static_cast<double>(((t + 3) * (i * 613 + 17)) % 2003 - 1001) / 1024.0);
  }
  return values;
}

std::vector<double> gradient(std::size_t tensor, std::int64_t step) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < kShapes[tensor].element_count(); ++i) {
    const std::int64_t mixed =
        (step + 1) * (37 * i + 11) * 7919 + (i * i + static_cast<std::int64_t>(tensor)) * 104729;
    values.push_back(static_cast<double>(mixed % 2003 - 1001) / 1024.0);
  }
  return values;
}

// One node over some of the tensors. It stays where it is: the kernel is bound to its members.
class Node {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  Node(const MatrixTrajectory& torch, const std::string& op, std::vector<std::size_t> tensors,
       std::vector<std::string> states, DType dtype, const Backend* backend, int threads)
      : tensors_(std::move(tensors)), attrs_(torch.attrs) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    rates_ = {0.1, 0.05, 0.02, nan, nan, nan};
    if (torch.scheduled) {
      rates_ = {0.1, 0.05, 0.02, 0.85, 0.95, 0.9};
    }
    std::vector<std::int64_t> units_last;
    for (const std::size_t tensor : tensors_) {
      parameters_.push_back(Tensor::from<double>(dtype, kShapes[tensor], initial(tensor)));
      gradients_.emplace_back(dtype, kShapes[tensor]);
      units_last.push_back(tensor == kTurned ? 1 : 0);
    }
    for (const std::string& state : states) {
      for (const std::size_t tensor : tensors_) {
        Shape shape = kShapes[tensor];
        if (state == "row_var") {
          shape[shape.rank() - 1] = 1;
        } else if (state == "col_var") {
          shape[shape.rank() - 2] = 1;
        }
        states_.emplace_back(dtype, shape);
      }
    }
    attrs_.set("count", static_cast<std::int64_t>(tensors_.size()));
    attrs_.set("group_of", std::vector<std::int64_t>(tensors_.size(), 0));
    attrs_.set("states", std::move(states));
    attrs_.set("units_last", units_last);
    query_.op = op;
    query_.attrs = &attrs_;
    query_.threads = threads;
    inputs_ = {&ok, rates_.data(), &step, &scale_};
    query_.inputs = {spec(DType::kBool, {}), spec(DType::kFloat64, {2, 3}), spec(DType::kInt64, {}),
                     spec(DType::kFloat32, {})};
    add(parameters_, true);
    add(gradients_, false);
    add(states_, true);
    if (backend == nullptr) {
      kernel_ = reference_row(op)->prepare(query_);
      family = "reference";
    } else {
      SelectedKernel selected = select_kernel(*backend, query_);
      kernel_ = std::move(selected.kernel);
      family = selected.family;
    }
    workspace_ = Buffer::allocate(kernel_->workspace_bytes + 64);
    state_ = kernel_->bind(args());
  }

  void run() {
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const Tensor next = Tensor::from<double>(gradients_[i].dtype(), gradients_[i].shape(),
                                               gradient(tensors_[i], step));
      copy_elements(next, gradients_[i]);
    }
    kernel_->run(args());
    ++step;
  }
  // Of this node's tensors: |actual - expected| / |expected|.
  double distance(const std::vector<std::vector<double>>& expected) const {
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < tensors_.size(); ++i) {
      const std::vector<double> actual = parameters_[i].values<double>();
      for (std::size_t k = 0; k < actual.size(); ++k) {
        const double wanted = expected[tensors_[i]][k];
        difference += (actual[k] - wanted) * (actual[k] - wanted);
        size += wanted * wanted;
      }
    }
    return std::sqrt(difference / size);
  }
  const std::vector<Tensor>& parameters() const { return parameters_; }

  bool ok = true;
  std::int64_t step = 0;
  std::string family;

 private:
  static TensorSpec spec(DType dtype, const Shape& shape) {
    TensorSpec made;
    made.dtype = dtype;
    made.shape = shape;
    return made;
  }
  void add(std::vector<Tensor>& tensors, bool written) {
    for (Tensor& tensor : tensors) {
      inputs_.push_back(tensor.data());
      query_.inputs.push_back(spec(tensor.dtype(), tensor.shape()));
      if (written) {
        outputs_.push_back(tensor.data());
        query_.outputs.push_back(spec(tensor.dtype(), tensor.shape()));
      }
    }
  }
  KernelArgs args() {
    return {inputs_.data(), outputs_.data(), workspace_ ? workspace_->data() : nullptr, nullptr,
            state_.get()};
  }

  std::vector<std::size_t> tensors_;
  Attrs attrs_;
  std::vector<double> rates_;
  float scale_ = 1;
  std::vector<Tensor> parameters_, gradients_, states_;
  std::vector<void*> inputs_, outputs_;
  OpQuery query_;
  std::shared_ptr<Buffer> workspace_;
  std::unique_ptr<const Kernel> kernel_;
  std::unique_ptr<KernelState> state_;
};

// The nodes that the optimizer of a trajectory makes.
using Nodes = std::vector<std::unique_ptr<Node>>;

Nodes nodes_of(const MatrixTrajectory& torch, DType dtype, const Backend* backend = nullptr,
               int threads = 1) {
  Nodes nodes;
  const auto add = [&](const std::string& op, std::vector<std::size_t> tensors,
                       std::vector<std::string> states) {
    nodes.push_back(std::make_unique<Node>(torch, op, std::move(tensors), std::move(states), dtype,
                                           backend, threads));
  };
  if (torch.op == "MuonUpdate") {
    add(torch.op, {0, 1, 2, 3}, {"momentum_buffer"});
  } else {
    add(torch.op, {0, 1, 2, 3}, {"row_var", "col_var"});
    add("AdafactorVectorUpdate", {4}, {"variance"});
  }
  return nodes;
}

void expect_trajectory(const MatrixTrajectory& torch, const Nodes& nodes, double tolerance) {
  for (const auto& each : nodes) {
    Node& node = *each;
    for (const auto& [steps, mark] : {std::pair{1, 0u}, {10, 1u}, {100, 2u}}) {
      while (node.step < steps) {
        node.run();
      }
      EXPECT_LE(node.distance(torch.after[mark]), tolerance)
          << torch.name << " (" << node.family << ") after " << steps << " steps";
    }
  }
}

double tolerance_of(const MatrixTrajectory& torch, double exact) {
  return torch.arithmetic == MatrixTrajectory::Arithmetic::kBFloat16 ? 1e-2 : exact;
}

TEST(MatrixUpdates, AreAHundredStepsOfPyTorchInDouble) {
  for (const MatrixTrajectory& torch : matrix_trajectories()) {
    expect_trajectory(torch, nodes_of(torch, DType::kFloat64), tolerance_of(torch, 1e-9));
  }
}

TEST(MatrixUpdates, AreAHundredStepsOfPyTorchInFloat) {
  for (const MatrixTrajectory& torch : matrix_trajectories()) {
    expect_trajectory(torch, nodes_of(torch, DType::kFloat32), tolerance_of(torch, 1e-5));
  }
}

TEST(MatrixUpdates, OfEveryBackendAreAHundredStepsOfPyTorch) {
  for (const BackendUnderTest& under_test : backends_under_test()) {
    for (const MatrixTrajectory& torch : matrix_trajectories()) {
      const Nodes nodes =
          nodes_of(torch, DType::kFloat32, under_test.backend.get(), under_test.threads);
      EXPECT_EQ(nodes.front()->family, under_test.backend->name());
      expect_trajectory(torch, nodes, tolerance_of(torch, 1e-5));
    }
  }
}

TEST(MatrixUpdates, WriteNothingWhenTheStepIsNotOk) {
  for (const MatrixTrajectory& torch : matrix_trajectories()) {
    for (const auto& each : nodes_of(torch, DType::kFloat64)) {
      Node& node = *each;
      node.run();
      const std::vector<double> before = node.parameters().front().values<double>();
      node.ok = false;
      node.run();
      EXPECT_EQ(node.parameters().front().values<double>(), before) << torch.name;
    }
  }
}

}  // namespace
}  // namespace temper::op_suite
