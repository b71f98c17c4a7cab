#include "tests/graph/lowering/control_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "graph/autodiff/gradient.h"
#include "graph/lowering/lower.h"
#include "graph/onnx/import.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/pipeline.h"
#include "runtime/exec/executor.h"

namespace temper::test {

using graph::OnnxModel;

Doubles numbers(std::int64_t count, double seed) {
  Doubles made;
  for (std::int64_t i = 0; i < count; ++i) {
    made.push_back(std::sin(seed + 1.7 * static_cast<double>(i)));
  }
  return made;
}

Message doubles(const std::string& name, const Dims& dims, double seed) {
  std::int64_t count = 1;
  for (const std::int64_t dim : dims) {
    count *= dim;
  }
  return raw_tensor(name, kDouble, dims, numbers(count, seed));
}

Message scalar(const std::string& name, std::int64_t value) {
  return raw_tensor<std::int64_t>(name, kInt, {}, {value});
}

Message info(const std::string& name, const Dims& dims) { return value_info(name, dims, kDouble); }

std::vector<Tensor> run_plan(Graph graph, const std::map<ValueId, Tensor>& given) {
  graph::run_pipeline(graph, reference());
  VariableStore store;
  const Plan plan = graph::lower(graph, reference(), store, {1});
  store.allocate();
  for (int i = 0; i < graph.variable_count(); ++i) {
    const int id = store.find(graph.variable(VariableId{i}).name);
    if (id >= 0) {
      store.set(id, graph::initial_value(graph.variable(VariableId{i})));
    }
  }
  Arena arena;
  Executor executor(plan, store, arena);
  for (const auto& [id, tensor] : given) {
    executor.bind_input(plan.input(graph.value(id).port), tensor);
  }
  executor.run();
  executor.run();  // nothing is left over from one run to the next
  std::vector<Tensor> results;
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    results.push_back(executor.read_output(static_cast<int>(i)).to_plain());
  }
  return results;
}

Graph with_gradients(const ModelParts& parts, const Run& run) {
  const TemporaryFolder folder;
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", parts.bytes()));
  Graph graph = model.build_graph(graph::standard_ops());
  graph::bind_shapes(graph, {}, 1, reference(), {run.unroll, run.max_trip_count});
  std::vector<ValueId> wrt;
  for (int i = 0; i < graph.variable_count(); ++i) {
    wrt.push_back(graph.read_variable(VariableId{i}));
  }
  for (const ValueId id : graph.inputs) {
    if (is_float(graph.value(id).dtype)) {
      wrt.push_back(id);
    }
  }
  graph::Builder b(graph, "loss");
  std::vector<ValueId> grads = {graph.outputs[0].value};
  for (int order = 0; order < run.order; ++order) {
    ValueId loss;
    for (const ValueId id : grads) {
      const ValueId flat = b.reshape(id, Shape{b.shape(id).element_count()});
      const ValueId part = b.reduce_sum(b.mul(flat, flat), {0}, false);
      loss = loss.valid() ? b.add(loss, part) : part;
    }
    grads = graph::gradient(graph, loss, wrt);
  }
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    graph.add_output(graph.value(wrt[i]).name, grads[i]);
  }
  return graph;
}

std::map<ValueId, Tensor> inputs_of(const Graph& graph, const Run& run) {
  std::map<ValueId, Tensor> given;
  for (const ValueId id : graph.inputs) {
    const graph::Value& value = graph.value(id);
    given[id] = is_float(value.dtype)
                    ? Tensor::from<double>(value.dtype, value.shape,
                                           numbers(value.shape.element_count(), 0.3))
                    : Tensor::scalar(value.dtype, run.steps);
  }
  return given;
}

Computed compute(const ModelParts& parts, const Run& run) {
  Graph graph = with_gradients(parts, run);
  const std::map<ValueId, Tensor> given = inputs_of(graph, run);
  std::vector<Tensor> results;
  if (run.evaluates) {
    std::vector<ValueId> wanted;
    for (const Graph::Output& output : graph.outputs) {
      wanted.push_back(output.value);
    }
    results = graph::evaluate(graph, reference(), given, wanted);
  } else {
    results = run_plan(graph, given);
  }
  Computed made;
  made.y = results[0].values<double>();
  for (std::size_t i = 1; i < results.size(); ++i) {
    made.gradients[graph.outputs[i].name] = results[i].values<double>();
  }
  for (int i = 0; i < graph.node_count(); ++i) {
    if (!graph.node(NodeId{i}).removed) {
      ++made.ops[graph.node(NodeId{i}).op->name()];
    }
  }
  return made;
}

void expect_close(const Doubles& got, const Doubles& wanted, const std::string& what) {
  ASSERT_EQ(got.size(), wanted.size()) << what;
  double norm = 0;
  for (const double value : wanted) {
    norm = std::max(norm, std::abs(value));
  }
  EXPECT_GT(norm, 0) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], wanted[i], 1e-12 * norm) << what << ", element " << i;
  }
}

void expect_equal(const ModelParts& looped, const Run& run, const ModelParts& unrolled,
                  const char* op) {
  for (const int order : {1, 2, 3}) {
    const Computed wanted = compute(unrolled, {64, 0, false, order});
    EXPECT_FALSE(wanted.ops.contains("Iterate"));
    for (const bool evaluates : {false, true}) {
      SCOPED_TRACE(concat("order ", order, evaluates ? ", evaluated" : ""));
      Run how = run;
      how.evaluates = evaluates;
      how.order = order;
      const Computed got = compute(looped, how);
      EXPECT_GT(got.ops.count(op), 0u);
      expect_close(got.y, wanted.y, "y");
      ASSERT_EQ(got.gradients.size(), wanted.gradients.size());
      for (const auto& [name, gradient] : wanted.gradients) {
        expect_close(got.gradients.at(name), gradient, name);
      }
    }
  }
}

}  // namespace temper::test
