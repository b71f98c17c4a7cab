#include "graph/passes/fuse_elementwise.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "graph/ir/broadcast.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/concat.h"
#include "runtime/base/expression.h"

namespace temper::graph {
namespace {

// What a backend must be able to hold of a program at a time.
constexpr std::size_t kMostNodes = 16;

class ElementwiseFusion {
 public:
  explicit ElementwiseFusion(Graph& graph)
      : graph_(graph),
        users_(users(graph)),
        chains_of_(static_cast<std::size_t>(graph.node_count())) {
    for (const Graph::Output& output : graph.outputs) {
      keep(output.value);
    }
    for (const UpdateBinding& update : graph.updates) {
      keep(update.value);
    }
    keep(graph.ok);
  }

  // From the last node to the first: all users of a node have found their chains before it.
  void run() {
    const std::vector<NodeId> order = topological_order(graph_);
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      if (functor_of(*it)) {
        join(*it);
      }
    }
    for (std::vector<NodeId>& chain : chains_) {
      std::reverse(chain.begin(), chain.end());
      if (chain.size() > 1) {
        replace(chain);
      }
    }
    for (const NodeId id : absorbed_) {
      graph_.remove_node(id);
    }
  }

 private:
  static constexpr std::size_t kMostCopies = 2;

  const Value& output_of(NodeId id) const { return graph_.value(graph_.node(id).outputs.front()); }

  void keep(ValueId id) {
    if (id.valid()) {
      users_[static_cast<std::size_t>(id.index)].push_back(NodeId{});
    }
  }

  // The functor of a node that can be part of a chain.
  std::optional<FunctorCall> functor_of(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.removed || node.op->functor_function == nullptr || node.outputs.size() != 1) {
      return std::nullopt;
    }
    const std::optional<FunctorCall> call = node.op->functor_function(node.attrs);
    if (!call) {
      return std::nullopt;
    }
    const DType made = yields_truth(call->functor) ? DType::kBool : DType::kFloat32;
    const bool fits = static_cast<int>(node.inputs.size()) == operand_count(call->functor) &&
                      output_of(id).dtype == made && output_of(id).shape.element_count() > 0 &&
                      std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
                        return input.valid() && (graph_.value(input).dtype == DType::kFloat32 ||
                                                 graph_.value(input).dtype == DType::kBool);
                      });
    return fits ? call : std::nullopt;
  }

  // To the chains of all its users when it may, else to a new one. To two chains, usually one
  // forward and one backward, where a copy in each reads no more than what the node itself reads:
  // then its value is not stored between them.
  void join(NodeId id) {
    std::vector<int> chains = chains_of_users(id);
    const bool fits = std::all_of(chains.begin(), chains.end(), [&](int chain) {
      const std::vector<NodeId>& nodes = chains_[static_cast<std::size_t>(chain)];
      return nodes.size() < kMostNodes && output_of(nodes.front()).shape == output_of(id).shape;
    });
    if (chains.size() > (reads_one_tensor(id) ? kMostCopies : 1) || !fits) {
      chains.clear();
    }
    if (chains.empty()) {
      chains = {static_cast<int>(chains_.size())};
      chains_.emplace_back();
    }
    for (const int chain : chains) {
      chains_[static_cast<std::size_t>(chain)].push_back(id);
    }
    chains_of_[static_cast<std::size_t>(id.index)] = std::move(chains);
  }

  // None where a user is in no chain.
  std::vector<int> chains_of_users(NodeId id) const {
    std::vector<int> chains;
    for (const NodeId user :
         users_[static_cast<std::size_t>(graph_.node(id).outputs.front().index)]) {
      if (!user.valid() || chains_of_[static_cast<std::size_t>(user.index)].empty()) {
        return {};
      }
      for (const int chain : chains_of_[static_cast<std::size_t>(user.index)]) {
        if (std::find(chains.begin(), chains.end(), chain) == chains.end()) {
          chains.push_back(chain);
        }
      }
    }
    return chains;
  }

  // Whether at most one input has the output's size.
  bool reads_one_tensor(NodeId id) const {
    std::set<ValueId> tensors;
    for (const ValueId input : graph_.node(id).inputs) {
      if (graph_.value(input).shape.element_count() == output_of(id).shape.element_count()) {
        tensors.insert(input);
      }
    }
    return tensors.size() <= 1;
  }

  bool is_number(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kConstant && value.dtype == DType::kFloat32 &&
           value.shape.element_count() == 1;
  }

  // What the chain reads of others, each value once. Constant numbers are left out, which become
  // part of the program, unless they give the output its shape.
  std::vector<ValueId> inputs_of(const std::vector<NodeId>& chain, bool with_numbers) const {
    std::vector<ValueId> inputs;
    for (const NodeId id : chain) {
      for (const ValueId input : graph_.node(id).inputs) {
        const Value& value = graph_.value(input);
        const bool inner = value.kind == ValueKind::kNode &&
                           std::find(chain.begin(), chain.end(), value.producer) != chain.end();
        if (!inner && (with_numbers || !is_number(input)) &&
            std::find(inputs.begin(), inputs.end(), input) == inputs.end()) {
          inputs.push_back(input);
        }
      }
    }
    return inputs;
  }

  Shape broadcast_shape(const std::vector<ValueId>& inputs) const {
    Shape shape;
    for (const ValueId input : inputs) {
      shape = broadcast(shape, graph_.value(input).shape);
    }
    return shape;
  }

  Expression program_of(const std::vector<NodeId>& chain,
                        const std::vector<ValueId>& inputs) const {
    Expression program;
    program.inputs = static_cast<int>(inputs.size());
    std::map<ValueId, int> number_of;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      number_of[inputs[i]] = static_cast<int>(i);
    }
    const auto add = [&](ValueId made, const Instruction& instruction) {
      number_of[made] = program.value_count();
      program.code.push_back(instruction);
    };
    for (const NodeId id : chain) {
      const Node& node = graph_.node(id);
      Instruction instruction{*functor_of(id), {-1, -1, -1}};
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!number_of.contains(node.inputs[i])) {
          const double number = graph_.value(node.inputs[i]).constant.values<double>().front();
          add(node.inputs[i], {{Functor::kConstant, number}, {-1, -1, -1}});
        }
        instruction.operands[i] = number_of.at(node.inputs[i]);
      }
      add(node.outputs.front(), instruction);
    }
    program.results = {program.value_count() - 1};
    return program;
  }

  // The chain's last node becomes the fused one: its output stays the same value, and the order of
  // the other nodes what it was.
  void replace(const std::vector<NodeId>& chain) {
    const Shape shape = output_of(chain.back()).shape;
    std::vector<ValueId> inputs = inputs_of(chain, false);
    if (inputs.empty() || broadcast_shape(inputs) != shape) {
      inputs = inputs_of(chain, true);
    }
    Attrs attrs;
    set_expression(attrs, program_of(chain, inputs));
    Builder builder(graph_, concat(graph_.node(chain.back()).origin, " (", chain.size(), " ops)"));
    const ValueId made = builder.op("FusedElementwise", std::move(inputs), std::move(attrs));
    Node fused = graph_.node(graph_.value(made).producer);
    graph_.remove_node(graph_.value(made).producer);
    fused.outputs = graph_.node(chain.back()).outputs;
    graph_.node(chain.back()) = std::move(fused);
    absorbed_.insert(absorbed_.end(), chain.begin(), chain.end() - 1);
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;   // an invalid node: the graph itself
  std::vector<std::vector<int>> chains_of_;  // per node
  std::vector<std::vector<NodeId>> chains_;
  std::vector<NodeId> absorbed_;
};

}  // namespace

void fuse_elementwise(Graph& graph) { ElementwiseFusion(graph).run(); }

}  // namespace temper::graph
