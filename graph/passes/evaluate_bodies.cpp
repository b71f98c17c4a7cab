#include "graph/passes/evaluate_bodies.h"

#include <cstring>
#include <limits>

#include "graph/ir/body.h"
#include "runtime/base/iteration.h"

namespace temper::graph {
namespace {

using Tensors = std::vector<Tensor>;

Tensor fresh(const Graph& graph, const Node& node, std::size_t output) {
  const Value& value = graph.value(node.outputs[output]);
  return {value.dtype, value.shape};
}

std::size_t slice_bytes(const Tensor& tensor) {
  return tensor.shape()[0] == 0 ? 0 : static_cast<std::size_t>(tensor.bytes() / tensor.shape()[0]);
}

Tensor slice(const Tensor& tensor, std::int64_t place) {
  Shape shape;
  for (int axis = 1; axis < tensor.shape().rank(); ++axis) {
    shape.push_back(tensor.shape()[axis]);
  }
  Tensor made(tensor.dtype(), shape);
  std::memcpy(made.data(),
              static_cast<const std::byte*>(tensor.data()) +
                  static_cast<std::size_t>(place) * slice_bytes(tensor),
              slice_bytes(tensor));
  return made;
}

void put_slice(Tensor& tensor, std::int64_t place, const Tensor& part) {
  std::memcpy(static_cast<std::byte*>(tensor.data()) +
                  static_cast<std::size_t>(place) * slice_bytes(tensor),
              part.data(), slice_bytes(tensor));
}

Tensors iterate(const Graph& graph, const Node& node, const Tensors& inputs,
                const BodyEvaluator& run, Tape& tape) {
  const Iteration parts = Iteration::of(node.attrs);
  Tensors results(node.outputs.size());
  Tensors states;
  for (std::size_t i = 0; i < parts.states; ++i) {
    states.push_back(inputs[parts.state(i)]);
  }
  for (std::size_t i = 0; i < parts.stacked; ++i) {
    if (node.outputs[parts.stack(i)].valid()) {
      results[parts.stack(i)] = fresh(graph, node, parts.stack(i));
    }
  }
  const Tensor& given = inputs[Iteration::kMost];
  const std::int64_t most = parts.steps >= 0  ? parts.steps
                            : given.defined() ? given.values<std::int64_t>().front()
                                              : std::numeric_limits<std::int64_t>::max();
  const Tensor& go = inputs[Iteration::kGo];
  bool holds = !go.defined() || go.values<std::int64_t>().front() != 0;
  tape.clear();
  for (std::int64_t step = 0; holds && step < most; ++step) {
    TEMPER_CHECK(parts.limit == 0 || step < parts.limit, ErrorCode::kInvalidData,
                 too_many_steps(parts.limit));
    tape.push_back(states);
    Tensors taken = {Tensor::scalar(DType::kInt64, step)};
    taken.insert(taken.end(), states.begin(), states.end());
    for (std::size_t i = 0; i < parts.sliced; ++i) {
      taken.push_back(slice(inputs[parts.slice(i)],
                            Iteration::place(parts.backward_slices, i, step, parts.steps)));
    }
    for (std::size_t i = 0; i < parts.captures; ++i) {
      taken.push_back(inputs[parts.capture(i)]);
    }
    const Tensors made = run(0, taken);
    for (std::size_t i = 0; i < parts.states; ++i) {
      states[i] = made[i].to_plain();
    }
    for (std::size_t i = 0; i < parts.stacked; ++i) {
      if (results[parts.stack(i)].defined()) {
        put_slice(results[parts.stack(i)],
                  Iteration::place(parts.backward_stacks, i, step, parts.steps),
                  made[parts.stack(i)]);
      }
    }
    holds = !parts.goes_on || made.back().values<std::int64_t>().front() != 0;
  }
  for (std::size_t i = 0; i < parts.states; ++i) {
    results[i] = states[i];
  }
  return results;
}

void add(std::vector<double>& sum, const Tensor& part) {
  const std::vector<double> more = part.values<double>();
  for (std::size_t i = 0; i < sum.size(); ++i) {
    sum[i] += more[i];
  }
}

Tensors iterate_gradient(const Graph& graph, const Node& node, const Tensors& inputs,
                         const BodyEvaluator& run, const Tape& tape) {
  const IterationGradient parts = IterationGradient::of(node.attrs);
  const Iteration& forward = parts.forward;
  const Graph& body = node.bodies[0]->graph;
  Tensors results(node.outputs.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (node.outputs[i].valid()) {
      results[i] = fresh(graph, node, i);
    }
  }
  Tensors gradients;
  for (std::size_t i = 0; i < parts.float_states.size(); ++i) {
    const Tensor& given = inputs[parts.state_gradient(i)];
    const Value& like = body.value(body.outputs[i].value);
    gradients.push_back(given.defined() ? given : Tensor(like.dtype, like.shape));
  }
  std::vector<std::vector<double>> sums;
  for (std::size_t i = 0; i < parts.asked_captures.size(); ++i) {
    sums.emplace_back(static_cast<std::size_t>(results[parts.capture_output(i)].element_count()),
                      0.0);
  }
  for (std::size_t step = tape.size(); step-- > 0;) {
    const auto at = static_cast<std::int64_t>(step);
    Tensors taken = {Tensor::scalar(DType::kInt64, at)};
    taken.insert(taken.end(), tape[step].begin(), tape[step].end());
    for (std::size_t i = 0; i < forward.sliced; ++i) {
      taken.push_back(slice(inputs[parts.slice(i)],
                            Iteration::place(forward.backward_slices, i, at, forward.steps)));
    }
    for (std::size_t i = 0; i < forward.captures; ++i) {
      taken.push_back(inputs[parts.capture(i)]);
    }
    taken.insert(taken.end(), gradients.begin(), gradients.end());
    for (std::size_t i = 0; i < parts.given_stacks.size(); ++i) {
      const auto stack = static_cast<std::size_t>(parts.given_stacks[i]);
      taken.push_back(slice(inputs[parts.stack_gradient(i)],
                            Iteration::place(forward.backward_stacks, stack, at, forward.steps)));
    }
    const Tensors made = run(0, taken);
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      gradients[i] = made[i].to_plain();
    }
    for (std::size_t i = 0; i < parts.asked_slices.size(); ++i) {
      const auto number = static_cast<std::size_t>(parts.asked_slices[i]);
      put_slice(results[parts.slice_output(i)],
                Iteration::place(forward.backward_slices, number, at, forward.steps),
                made[parts.slice_output(i)]);
    }
    for (std::size_t i = 0; i < parts.asked_captures.size(); ++i) {
      add(sums[i], made[parts.capture_output(i)]);
    }
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    Tensor& result = results[parts.capture_output(i)];
    result = Tensor::from<double>(result.dtype(), result.shape(), sums[i]);
  }
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    results[i] = gradients[i];
  }
  return results;
}

}  // namespace

std::vector<Tensor> evaluate_bodies(const Graph& graph, const Node& node,
                                    const std::vector<Tensor>& inputs, const BodyEvaluator& run,
                                    Tape* tape) {
  if (node.bodies.size() == 2) {
    const bool holds = inputs[0].values<std::int64_t>().front() != 0;
    return run(holds ? 0 : 1, {inputs.begin() + 1, inputs.end()});
  }
  return IterationGradient::is_of(node.attrs) ? iterate_gradient(graph, node, inputs, run, *tape)
                                              : iterate(graph, node, inputs, run, *tape);
}

}  // namespace temper::graph
