#include "graph/passes/evaluate.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "graph/ir/body.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate_bodies.h"
#include "runtime/base/error.h"
#include "runtime/base/iteration.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {
namespace {

class Evaluation {
 public:
  Evaluation(const Graph& graph, const Backend& backend, std::map<ValueId, Tensor> known,
             int threads)
      : graph_(graph), backend_(backend), tensors_(std::move(known)), threads_(threads) {}

  const Tensor& tensor(ValueId id) {
    const auto it = tensors_.find(id);
    if (it != tensors_.end()) {
      return it->second;
    }
    const Value& value = graph_.value(id);
    if (value.kind == ValueKind::kConstant) {
      return tensors_[id] = value.constant;
    }
    TEMPER_ASSERT(value.kind == ValueKind::kVariable, "value '", value.name, "' (", id.index,
                  ") was not given");
    const Variable& variable = graph_.variable(value.variable);
    const Tensor begin = initial_value(variable);
    return tensors_[id] =
               begin.defined() ? begin.to_plain() : Tensor(variable.dtype, variable.shape);
  }

  void run(NodeId id) {
    const Node& node = graph_.node(id);
    if (!node.bodies.empty()) {
      return run_bodies(id);
    }
    if (node.op->is_expanded && backend_.kernels().rows(node.op->name()).empty()) {
      return run_expansion(node);
    }
    OpQuery query = make_query(graph_, id, threads_);
    std::vector<Tensor> inputs(node.inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (!input.valid()) {
        continue;
      }
      inputs[i] = tensor(input);
      query.inputs[i].layout = inputs[i].layout();
      const Value& value = graph_.value(input);
      if (value.dtype == DType::kOpaque) {
        query.forward = kernels_.at(value.producer).kernel.get();
        family_ = kernels_.at(value.producer).family;
      }
    }
    SelectedKernel selected = select_kernel(backend_, query, std::exchange(family_, {}));
    execute(node, query, *selected.kernel, inputs);
    kernels_[id] = std::move(selected);
  }

 private:
  // Loops and branches, step by step.
  void run_bodies(NodeId id) {
    const Node& node = graph_.node(id);
    std::vector<Tensor> inputs(node.inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool given =
          node.inputs[i].valid() && graph_.value(node.inputs[i]).dtype != DType::kOpaque;
      inputs[i] = given ? tensor(node.inputs[i]) : Tensor{};
      if (given && !inputs[i].layout().plain) {
        inputs[i] = inputs[i].to_plain();
      }
    }
    const BodyEvaluator run = [&](std::size_t body, const std::vector<Tensor>& given) {
      const Graph& graph = node.bodies[body]->graph;
      std::map<ValueId, Tensor> known;
      for (std::size_t i = 0; i < given.size(); ++i) {
        known[graph.inputs[i]] = given[i];
      }
      std::vector<ValueId> wanted;
      for (const Graph::Output& output : graph.outputs) {
        wanted.push_back(output.value);
      }
      return evaluate(graph, backend_, known, wanted, threads_);
    };
    Tape* tape = nullptr;
    if (IterationGradient::is_of(node.attrs)) {
      tape = &tapes_.at(graph_.value(node.inputs[0]).producer);
    } else if (node.bodies.size() == 1) {
      tape = &tapes_[id];
    }
    const std::vector<Tensor> results = evaluate_bodies(graph_, node, inputs, run, tape);
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (node.outputs[i].valid() && results[i].defined()) {
        tensors_[node.outputs[i]] = results[i];
      }
    }
  }

  // An op without a kernel, by its expansion, in a graph of its own: this one stays as it is.
  void run_expansion(const Node& node) {
    Graph part(graph_.registry());
    Builder builder(part, node.origin);
    std::map<ValueId, Tensor> known;
    std::vector<ValueId> inputs;
    for (const ValueId input : node.inputs) {
      inputs.emplace_back();
      if (input.valid()) {
        const Tensor given = tensor(input);
        inputs.back() =
            part.add_input(concat("input ", inputs.size()), given.dtype(), given.shape());
        known[inputs.back()] = given.layout().plain ? given : given.to_plain();
      }
    }
    std::vector<bool> wanted;
    for (const ValueId output : node.outputs) {
      wanted.push_back(output.valid());
    }
    builder.ops(node.op->name(), inputs, static_cast<int>(wanted.size()), node.attrs, wanted);
    const Node copy = part.node(NodeId{0});  // adding nodes moves it
    const std::vector<ValueId> made = copy.op->expand_function(builder, copy, copy.inputs);
    std::vector<ValueId> asked;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i]) {
        asked.push_back(made.at(i));
      }
    }
    const std::vector<Tensor> results = evaluate(part, backend_, known, asked, threads_);
    std::size_t next = 0;
    for (const ValueId output : node.outputs) {
      if (output.valid()) {
        tensors_[output] = results[next++];
      }
    }
  }

  void execute(const Node& node, const OpQuery& query, const Kernel& kernel,
               std::vector<Tensor>& inputs) {
    std::vector<void*> in(inputs.size(), nullptr);
    std::vector<void*> out(node.outputs.size(), nullptr);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined()) {
        continue;
      }
      const Layout wanted = kernel.input_layouts.empty() ? Layout{} : kernel.input_layouts[i];
      if (query.inputs[i].dtype != DType::kOpaque && !(inputs[i].layout() == wanted)) {
        Tensor converted(inputs[i].dtype(), inputs[i].shape(), wanted);
        copy_elements(inputs[i], converted);
        inputs[i] = converted;
      }
      in[i] = inputs[i].data();
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      const ValueId output = node.outputs[i];
      if (!output.valid()) {
        continue;
      }
      Tensor& made = tensors_[output];
      if (node.op->is_commit) {
        made = inputs[UpdateLayout::of(node.attrs).input_of_output(i)];
      } else if (query.outputs[i].dtype == DType::kOpaque) {
        made = Tensor(DType::kUInt8, {static_cast<std::int64_t>(kernel.opaque_bytes.at(i))});
      } else {
        made = Tensor(query.outputs[i].dtype, query.outputs[i].shape,
                      kernel.output_layouts.empty() ? Layout{} : kernel.output_layouts[i]);
      }
      out[i] = made.data();
    }
    if (std::all_of(node.outputs.begin(), node.outputs.end(),
                    [&](ValueId id) { return !id.valid() || tensors_[id].element_count() == 0; })) {
      return;  // nothing to compute, whatever the other dimensions are
    }
    if (!backend_.memory().is_host()) {
      return run_on_device(node, kernel, inputs, std::move(in), std::move(out));
    }
    const auto workspace = Buffer::allocate(kernel.workspace_bytes, "a workspace");
    KernelArgs args{in.data(), out.data(), workspace->data()};
    const auto state = kernel.bind(args);
    args.state = state.get();
    kernel.run(args);
  }

  // With copies of the tensors there; `in` and `out` are null where there is none.
  void run_on_device(const Node& node, const Kernel& kernel, const std::vector<Tensor>& inputs,
                     std::vector<void*> in, std::vector<void*> out) {
    DeviceMemory& memory = backend_.memory();
    const auto stream = backend_.make_stream();
    std::map<const void*, std::shared_ptr<Buffer>> there;  // an update is where its variable is
    const auto place = [&](const Tensor& tensor) -> void* {
      std::shared_ptr<Buffer>& buffer = there[tensor.data()];
      if (buffer == nullptr) {
        const auto bytes = static_cast<std::size_t>(tensor.bytes());
        buffer = Buffer::allocate(bytes, "a value", memory);
        memory.copy_in(buffer->address(), tensor.data(), bytes, *stream);
      }
      return buffer->address();
    };
    for (std::size_t i = 0; i < in.size(); ++i) {
      in[i] = in[i] == nullptr ? nullptr : place(inputs[i]);
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = out[i] == nullptr ? nullptr : place(tensors_.at(node.outputs[i]));
    }
    const auto workspace = Buffer::allocate(kernel.workspace_bytes, "a workspace", memory);
    KernelArgs args{in.data(), out.data(), workspace->address()};
    args.stream = stream.get();
    const auto state = kernel.bind(args);
    args.state = state.get();
    kernel.run(args);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (out[i] != nullptr) {
        Tensor& made = tensors_.at(node.outputs[i]);
        memory.copy_out(made.data(), static_cast<const std::byte*>(out[i]),
                        static_cast<std::size_t>(made.bytes()), *stream);
      }
    }
    stream->wait_all();
  }

  const Graph& graph_;
  const Backend& backend_;
  std::map<ValueId, Tensor> tensors_;
  std::map<NodeId, SelectedKernel> kernels_;
  std::map<NodeId, Tape> tapes_;  // of Iterate nodes
  std::string family_;
  int threads_;
};

// The nodes `wanted` depends on, except those behind known values.
std::set<NodeId> needed_nodes(const Graph& graph, const std::map<ValueId, Tensor>& known,
                              const std::vector<ValueId>& wanted) {
  std::set<NodeId> needed;
  std::vector<ValueId> stack = wanted;
  while (!stack.empty()) {
    const ValueId id = stack.back();
    stack.pop_back();
    if (!id.valid() || known.contains(id) || graph.value(id).kind != ValueKind::kNode ||
        !needed.insert(graph.value(id).producer).second) {
      continue;
    }
    const Node& node = graph.node(graph.value(id).producer);
    stack.insert(stack.end(), node.inputs.begin(), node.inputs.end());
  }
  return needed;
}

}  // namespace

OpQuery make_query(const Graph& graph, NodeId id, int threads) {
  const Node& node = graph.node(id);
  OpQuery query;
  query.op = node.op->name();
  query.attrs = &node.attrs;
  query.threads = threads;
  const auto spec = [&](ValueId value_id) {
    TensorSpec made;
    if (value_id.valid()) {
      made.dtype = graph.value(value_id).dtype;
      made.shape = graph.value(value_id).shape;
    }
    return made;
  };
  for (const ValueId input : node.inputs) {
    query.inputs.push_back(spec(input));
  }
  for (const ValueId output : node.outputs) {
    query.outputs.push_back(spec(output));
    query.outputs.back().layout_free = output.valid();
  }
  return query;
}

std::vector<Tensor> evaluate(const Graph& graph, const Backend& backend,
                             const std::map<ValueId, Tensor>& known,
                             const std::vector<ValueId>& wanted, int threads) {
  Evaluation evaluation(graph, backend, known, threads);
  const std::set<NodeId> needed = needed_nodes(graph, known, wanted);
  for (const NodeId id : topological_order(graph)) {
    if (needed.contains(id)) {
      evaluation.run(id);
    }
  }
  std::vector<Tensor> results;
  for (const ValueId id : wanted) {
    const Tensor& tensor = evaluation.tensor(id);
    results.push_back(tensor.layout().plain ? tensor : tensor.to_plain());
  }
  return results;
}

std::vector<Tensor> evaluate_constant_node(const Graph& graph, const Backend& backend, NodeId id) {
  Evaluation evaluation(graph, backend, {}, 1);
  evaluation.run(id);
  std::vector<Tensor> results;
  for (const ValueId output : graph.node(id).outputs) {
    results.push_back(output.valid() ? evaluation.tensor(output) : Tensor{});
  }
  return results;
}

}  // namespace temper::graph
