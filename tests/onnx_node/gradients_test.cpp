// Derivatives of ONNX's node tests, in double, against those of onnx-ad, which differentiates the
// same files by rules of its own, and those of PyTorch where onnx-ad refuses
// (tools/oracle/onnx_ad_gradients.py and torch_gradients.py wrote them).
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_file.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/error.h"
#include "tests/onnx_node/node_case.h"
#include "tests/onnx_node/node_run.h"

namespace temper::onnx_node {
namespace {

using graph::Graph;

// What the sums over a gradient are.
struct Sums {
  int input = 0;
  double dot = 0, square = 0;
};

struct Expected {
  std::string name;
  bool first_output = false;  // it alone is differentiated
  std::vector<Sums> sums;
};

// Inputs that onnx-ad differentiates and we do not: the op, its input.
const std::map<std::pair<std::string, int>, std::string> kNotDifferentiated = {
    {{"BatchNormalization", 3}, "statistics"},
    {{"BatchNormalization", 4}, "statistics"},
    {{"Clip", 1}, "ONNX calls the bounds not differentiable"},
    {{"Clip", 2}, "ONNX calls the bounds not differentiable"},
    {{"Dropout", 1}, "a number known when the graph is compiled"},
    {{"NegativeLogLikelihoodLoss", 2}, "ONNX calls the weights of classes not differentiable"},
    {{"OneHot", 1}, "a number known when the graph is compiled"},
    {{"Pad", 2}, "a number known when the graph is compiled"},
    {{"Range", 0}, "a number known when the graph is compiled"},
    {{"Range", 1}, "a number known when the graph is compiled"},
    {{"Range", 2}, "a number known when the graph is compiled"},
    {{"SoftmaxCrossEntropyLoss", 2}, "ONNX calls the weights of classes not differentiable"},
    {{"Unique", 0}, "what decides a shape is known when the graph is compiled"}};

// Ops whose functions, or whose lowering by onnx-ad, compute some of it in float32.
const std::set<std::string> kPartlyInFloat32 = {
    "Attention", "Cast",    "GroupNormalization", "LinearAttention", "RMSNormalization",
    "Resize",    "RoiAlign"};

std::vector<Expected> read_expected(const char* name) {
  std::vector<Expected> all;
  std::ifstream file(concat(TEMPER_SOURCE_DIR "/tests/onnx_node/expected/", name));
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    std::string one, which;
    Sums sums;
    in >> one >> which >> sums.input >> sums.dot >> sums.square;
    if (all.empty() || all.back().name != one) {
      all.push_back({one, which == "first", {}});
    }
    all.back().sums.push_back(sums);
  }
  return all;
}

const Backend& reference() {
  static const std::unique_ptr<Backend> backend = make_backend("reference");
  return *backend;
}

// A case with what is differentiated in double, and its other inputs as constants.
class DoubleCase {
 public:
  explicit DoubleCase(const Expected& expected) : graph_(graph::standard_ops()) {
    const std::string folder = cases_folder() + "/" + expected.name;
    const graph::OnnxModel model = graph::OnnxModel::load(folder + "/model.onnx");
    graph_ = model.build_graph(graph::standard_ops());
    inputs_ = graph_.inputs;
    graph_.inputs.clear();
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const bool differentiated =
          std::any_of(expected.sums.begin(), expected.sums.end(),
                      [&](const Sums& sums) { return sums.input == static_cast<int>(i); });
      take(differentiated, inputs_[i],
           graph::read_tensor_file(concat(folder, "/test_data_set_0/input_", i, ".pb")));
    }
    graph::bind_shapes(graph_, {}, 1, reference());
    turn_into_training(graph_);
  }

  // The gradients of the inputs asked for.
  std::vector<Tensor> gradients(const Expected& expected) {
    std::vector<ValueId> wrt;
    for (const Sums& sums : expected.sums) {
      wrt.push_back(inputs_.at(static_cast<std::size_t>(sums.input)));
    }
    const ValueId loss = weighed(expected.first_output);
    const std::vector<ValueId> made = graph::gradient(graph_, loss, wrt);
    return graph::evaluate(graph_, reference(), known_, made, 1);
  }

 private:
  void take(bool differentiated, ValueId id, Tensor data) {
    graph::Value& value = graph_.value(id);
    data = is_float(data.dtype()) ? data.to_plain(DType::kFloat64) : data;
    value.dtype = data.dtype();
    if (!differentiated) {
      value.kind = graph::ValueKind::kConstant;
      value.constant = data;
      value.shape = data.shape();
      value.shape_known = true;
      return;
    }
    value.rank_known = true;
    value.shape = data.shape();
    value.dims.clear();
    for (const std::int64_t dim : data.shape()) {
      value.dims.push_back({dim, {}});
    }
    known_[id] = data;
    graph_.inputs.push_back(id);
  }

  // The sum of y[k] cos(1 + k) over float outputs.
  ValueId weighed(bool first) {
    graph::Builder b(graph_, "test loss");
    ValueId loss;
    for (const Graph::Output& output : std::vector<Graph::Output>(graph_.outputs)) {
      if (!is_float(b.dtype(output.value)) || (first && loss.valid())) {
        continue;
      }
      const ValueId y = b.cast(output.value, DType::kFloat64);
      const Shape shape = b.shape(y);
      std::vector<double> weights;
      for (std::int64_t k = 0; k < shape.element_count(); ++k) {
        weights.push_back(std::cos(1.0 + static_cast<double>(k)));
      }
      const ValueId constant =
          graph_.add_constant({}, Tensor::from<double>(DType::kFloat64, shape, weights));
      const ValueId flat = b.reshape(b.mul(y, constant), Shape{shape.element_count()});
      const ValueId part = b.reduce_sum(flat, {0}, false);
      loss = loss.valid() ? b.add(loss, part) : part;
    }
    return loss;
  }

  Graph graph_;
  std::vector<ValueId> inputs_;
  std::map<ValueId, Tensor> known_;
};

std::string op_of(const std::string& name) {
  for (const NodeCase& one : selected_cases()) {
    if (one.name == name) {
      return one.op;
    }
  }
  return {};
}

// "" or what differs.
std::string difference(const Expected& expected, double tolerance) {
  DoubleCase one(expected);
  const std::vector<Tensor> made = one.gradients(expected);
  std::string text;
  for (std::size_t i = 0; i < made.size(); ++i) {
    Sums got;
    const std::vector<double> dx = made[i].values<double>();
    for (std::size_t k = 0; k < dx.size(); ++k) {
      got.dot += dx[k] * std::sin(1.0 + static_cast<double>(k));
      got.square += dx[k] * dx[k];
    }
    const Sums& wanted = expected.sums[i];
    const double bound = tolerance * std::sqrt(wanted.square) *
                         std::sqrt(static_cast<double>(std::max<std::size_t>(dx.size(), 1)));
    if (!(std::abs(got.dot - wanted.dot) <= bound + 1e-12) ||
        !(std::abs(got.square - wanted.square) <= 2 * tolerance * wanted.square + 1e-12)) {
      text += concat(" input ", wanted.input, ": ", got.dot, " and ", got.square, ", expected ",
                     wanted.dot, " and ", wanted.square, ";");
    }
  }
  return text;
}

void expect_gradients(const char* file, std::size_t least) {
  if (selected_cases().empty()) {
    GTEST_SKIP() << "ONNX's node tests are not in '" << cases_folder()
                 << "'; run tools/test_venv.sh";
  }
  const std::vector<Expected> all = read_expected(file);
  EXPECT_GE(all.size(), least);
  for (Expected expected : all) {
    const std::string op = op_of(expected.name);
    std::erase_if(expected.sums,
                  [&](const Sums& sums) { return kNotDifferentiated.contains({op, sums.input}); });
    try {
      const double tolerance = kPartlyInFloat32.contains(op) ? 1e-5 : 1e-8;
      const std::string text = expected.sums.empty() ? "" : difference(expected, tolerance);
      EXPECT_EQ(text, "") << expected.name;
    } catch (const Error& error) {
      ADD_FAILURE() << expected.name << ": " << error.what();
    }
  }
}

TEST(OnnxNodeGradients, AreThoseOfOnnxAd) { expect_gradients("gradients.txt", 700); }

TEST(OnnxNodeGradients, AreThoseOfPyTorchWhereOnnxAdRefuses) {
  expect_gradients("torch_gradients.txt", 45);
}

}  // namespace
}  // namespace temper::onnx_node
