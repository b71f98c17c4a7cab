#include "tests/ops/device_plan.h"

#include "graph/lowering/lower.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/concat.h"
#include "runtime/exec/executor.h"
#include "tests/ops/case_runner.h"

namespace temper::op_suite {
namespace {

std::vector<Tensor> read_outputs(const Executor& executor) {
  std::vector<Tensor> outputs;
  for (std::size_t i = 0; i < executor.plan().outputs.size(); ++i) {
    const Tensor plain = executor.read_output(static_cast<int>(i)).to_plain();
    Tensor copy(plain.dtype(), plain.shape());
    copy_elements(plain, copy);
    outputs.push_back(copy);
  }
  return outputs;
}

}  // namespace

DeviceValues evaluate_on_device(graph::Graph graph, const Backend& backend,
                                const std::map<ValueId, Tensor>& known,
                                const std::vector<ValueId>& wanted, void (*before_run)(int)) {
  for (const ValueId id : wanted) {
    graph.add_output(concat("y", graph.outputs.size()), id);
  }
  std::vector<Tensor> given;  // by port
  for (const ValueId id : graph.inputs) {
    given.push_back(known.at(id));
  }
  graph::run_pipeline(graph, reference_backend());
  const auto stream = backend.make_stream();
  VariableStore store(backend.memory(), *stream);
  Arena arena(backend.memory());
  const Plan plan = graph::lower(graph, backend, store, {});
  store.allocate();
  Executor executor(plan, store, arena);
  DeviceValues result;
  for (int run = 0; run < 3; ++run) {
    if (before_run != nullptr) {
      before_run(run);
    }
    for (std::size_t i = 0; i < plan.inputs.size(); ++i) {
      executor.bind_input(static_cast<int>(i),
                          given.at(static_cast<std::size_t>(plan.inputs[i].port.index)));
    }
    executor.run();
    const std::vector<Tensor> outputs = read_outputs(executor);
    for (std::size_t i = 0; i < outputs.size() && run > 0; ++i) {
      if (!equal_bits(outputs[i], result.values[i])) {
        result.complaints.push_back(concat("value ", i, " differs in run ", run));
      }
    }
    if (run == 0) {
      result.values = outputs;
    }
  }
  return result;
}

}  // namespace temper::op_suite
