// A region with channels last on the device: what it computes is what the reference computes, in
// several orders of threads, and tensors are reordered at its edges only.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/lowering/lower.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/evaluate.h"
#include "runtime/exec/executor.h"

namespace temper {
namespace {

using graph::ValueId;
using Ints = std::vector<std::int64_t>;

Attrs window(std::int64_t kernel, std::int64_t stride, std::int64_t pad) {
  return {{"kernel_shape", Ints{kernel, kernel}},
          {"strides", Ints{stride, stride}},
          {"pads", Ints{pad, pad, pad, pad}}};
}

// A graph of inputs with fixed numbers, a loss and its gradients.
struct Region {
  graph::Graph graph{graph::standard_ops()};
  graph::Builder b{graph, "region"};
  std::map<ValueId, Tensor> known;
  std::vector<ValueId> wanted;
  unsigned seed = 0;

  ValueId input(const Shape& shape, double low = -1) {
    std::mt19937 engine(++seed);
    std::uniform_real_distribution<double> uniform(low, 1);
    std::vector<double> numbers(static_cast<std::size_t>(shape.element_count()));
    for (double& number : numbers) {
      number = uniform(engine);
    }
    const ValueId id = graph.add_input(concat("x", seed), DType::kFloat32, shape);
    known[id] = Tensor::from<double>(DType::kFloat32, shape, numbers);
    return id;
  }

  // The number of channels made is the weights' first.
  ValueId conv(ValueId x, ValueId w, std::int64_t kernel, std::int64_t group = 1) {
    Attrs attrs{{"strides", Ints{1, 1}},
                {"dilations", Ints{1, 1}},
                {"pads", Ints(4, kernel / 2)},
                {"group", group}};
    return b.op("Conv", {x, w}, std::move(attrs));
  }

  ValueId norm(ValueId x, std::vector<ValueId>& wrt) {
    const std::int64_t channels = b.shape(x)[1];
    const ValueId scale = input({channels}, 0.5), bias = input({channels});
    wrt.insert(wrt.end(), {scale, bias});
    const Attrs attrs{{"epsilon", 1e-5},
                      {"momentum", 0.9},
                      {"unbiased", std::int64_t{1}},
                      {"relu", std::int64_t{1}}};
    return b.ops("BatchNormTrain", {x, scale, bias, input({channels}), input({channels}, 0.5)}, 6,
                 attrs)[0];
  }

  // Of the sum of y's products with fixed numbers.
  void want_gradients(ValueId y, const std::vector<ValueId>& wrt) {
    const ValueId loss = b.reduce_sum(b.mul(y, input(b.shape(y))), {0, 1, 2, 3}, false);
    wanted = graph::gradient(graph, loss, wrt);
    wanted.push_back(y);
    for (const ValueId id : wanted) {
      graph.add_output(concat("y", id.index), id);
    }
  }
};

Region make_region() {
  Region r;
  const ValueId x = r.input({2, 3, 8, 6}), w1 = r.input({12, 3, 3, 3}), w2 = r.input({12, 1, 3, 3});
  const ValueId w3 = r.input({10, 12, 1, 1}), bias = r.input({1, 10, 1, 1});
  std::vector<ValueId> wrt = {x, w1, w2, w3, bias};
  const ValueId stem = r.norm(r.conv(x, w1, 3), wrt);
  const ValueId depthwise = r.norm(r.conv(stem, w2, 3, 12), wrt);
  const ValueId joined = r.b.op("Relu", {r.b.add(stem, depthwise)});
  const ValueId low = r.b.op("Concat",
                             {r.b.ops("MaxPool", {joined}, 1, window(3, 2, 1))[0],
                              r.b.op("AveragePool", {joined}, window(3, 2, 1))},
                             {{"axis", std::int64_t{1}}});
  const ValueId part = r.b.slice(low, 1, 6, 18);
  const ValueId high =
      r.b.op("Resize", {part},
             {{"mode", std::string("linear")}, {"scales", std::vector<double>{1, 1, 2, 2}}});
  const ValueId gate = r.b.op("Sigmoid", {r.b.op("GlobalAveragePool", {high})});
  const ValueId y = r.b.add(r.conv(r.b.mul(high, gate), w3, 1), bias);
  r.want_gradients(r.b.op("GlobalAveragePool", {r.b.op("Relu", {y})}), wrt);
  return r;
}

class ChannelsLast : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
};

// A plan of the region on the device, and what runs it.
struct OnDevice {
  std::unique_ptr<Backend> backend = make_backend("cuda-emulated");
  std::unique_ptr<Stream> stream = backend->make_stream();
  VariableStore store{backend->memory(), *stream};
  Arena arena{backend->memory()};
  Plan plan;

  explicit OnDevice(const Region& r) : plan(graph::lower(r.graph, *backend, store, {})) {
    store.allocate();
  }
  std::vector<Tensor> run(const Region& r) {
    Executor executor(plan, store, arena);
    for (std::size_t i = 0; i < r.graph.inputs.size(); ++i) {
      executor.bind_input(static_cast<int>(i), r.known.at(r.graph.inputs[i]));
    }
    executor.run();
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < r.wanted.size(); ++i) {
      outputs.push_back(executor.read_output(static_cast<int>(i)).to_plain());
    }
    return outputs;
  }
};

TEST_F(ChannelsLast, ARegionComputesWhatTheReferenceComputes) {
  const Region r = make_region();
  const auto reference = make_backend("reference");
  OnDevice device(r);
  const std::vector<Tensor> expected = graph::evaluate(r.graph, *reference, r.known, r.wanted, 1);
  using emulated::ThreadOrder;
  for (const ThreadOrder order :
       {ThreadOrder::kForward, ThreadOrder::kBackward, ThreadOrder::kRandom}) {
    emulated::set_thread_order(order);
    const std::vector<Tensor> actual = device.run(r);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const std::vector<double> a = actual[i].values<double>(), e = expected[i].values<double>();
      ASSERT_EQ(a.size(), e.size());
      for (std::size_t k = 0; k < a.size(); ++k) {
        ASSERT_NEAR(a[k], e[k], 1e-4 * (1 + std::abs(e[k]))) << "tensor " << i << ", " << k;
      }
    }
  }
  emulated::set_thread_order(ThreadOrder::kForward);
}

// In: x and the first weights, which are inputs of this graph. Out: their gradients. Depthwise
// weights and those of one tap are in one order, however they are read.
TEST_F(ChannelsLast, ARegionIsReorderedAtItsEdges) {
  const Region r = make_region();
  const OnDevice device(r);
  const Plan& plan = device.plan;
  std::vector<std::string> reorders;
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    if (plan.steps[i].op == "Reorder") {
      reorders.push_back(concat("before ", i + 1 < plan.steps.size() ? plan.steps[i + 1].op : "",
                                ", behind ", i > 0 ? plan.steps[i - 1].op : "", ", ",
                                to_string(plan.steps[i].output_specs[0].shape)));
    }
  }
  EXPECT_EQ(reorders.size(), 4u) << join(reorders, "\n");
}

}  // namespace
}  // namespace temper
