// The example of graph/ops/README.md: its code stands here word for word, is built and run.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/ir/grad_context.h"
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/platform/files.h"

namespace temper::graph {
namespace {

// y = x / (1 + |x|);  dx = dy * (1 - |y|)^2
void softsign_gradient(GradContext& g) {
  Builder& b = g.builder();
  const ValueId rest = b.sub(b.scalar(b.dtype(g.y()), 1), b.op("Abs", {g.y()}));
  g.set(0, b.mul(g.dy(), b.mul(rest, rest)));
}

void register_softsign(OpRegistry& ops) {
  ops.add("Softsign")
      .infer(infer_float_unary)
      .gradient(softsign_gradient)
      .batch(batch_elementwise)
      .activates(Activation::kOther);
}

}  // namespace
}  // namespace temper::graph

namespace temper::reference {
namespace {

void register_softsign(KernelTable& table) {
  add_float(table, "Softsign", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(query, [](T x) { return x / (T(1) + std::abs(x)); });
  });
}

class ExtendedReference final : public Backend {
 public:
  ExtendedReference() {
    register_all_kernels(table_);
    register_softsign(table_);
  }
  std::string_view name() const override { return "reference"; }
  const KernelTable& kernels() const override { return table_; }
  std::string fingerprint() const override { return "reference"; }

 private:
  KernelTable table_;
};

}  // namespace
}  // namespace temper::reference

namespace temper::graph {
namespace {

TEST(ReadmeExample, ComputesAnOpAndItsGradient) {
  OpRegistry ops;
  register_all_ops(ops);
  register_softsign(ops);
  Graph graph(ops);
  Builder builder(graph);
  const ValueId x = graph.add_input("x", DType::kFloat64, Shape{3});
  const ValueId y = builder.op("Softsign", {x});
  const ValueId sum = builder.reduce_sum(y, {0}, false);
  const std::vector<ValueId> wrt = {x};
  const ValueId dx = gradient(graph, sum, wrt)[0];
  const std::vector<double> values = {-3, 0, 1};
  const std::vector<Tensor> result =
      evaluate(graph, reference::ExtendedReference(),
               {{x, Tensor::from<double>(DType::kFloat64, Shape{3}, values)}}, {y, dx});
  const std::vector<double> expected_y = {-0.75, 0, 0.5};
  const std::vector<double> expected_dx = {1.0 / 16, 1, 0.25};  // 1 / (1 + |x|)^2
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(result[0].values<double>()[i], expected_y[i], 1e-15);
    EXPECT_NEAR(result[1].values<double>()[i], expected_dx[i], 1e-15);
  }
}

std::string without_spaces(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

TEST(ReadmeExample, IsTheCodeOfTheReadme) {
  const std::string root = TEMPER_SOURCE_DIR;
  const std::string readme = read_text_file(root + "/graph/ops/README.md", 1 << 20);
  const std::string here =
      without_spaces(read_text_file(root + "/tests/graph/ops/readme_example_test.cpp", 1 << 20));
  const std::string fence = "```cpp\n";
  int blocks = 0;
  for (std::size_t at = readme.find(fence); at != std::string::npos; at = readme.find(fence, at)) {
    at += fence.size();
    const std::string block = readme.substr(at, readme.find("```", at) - at);
    EXPECT_NE(here.find(without_spaces(block)), std::string::npos) << block;
    ++blocks;
  }
  EXPECT_EQ(blocks, 3);
}

}  // namespace
}  // namespace temper::graph
